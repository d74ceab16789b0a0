// 1,000 streams of server-sent events at once.
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { nginxLua } from '../gateways/nginx-lua.ts'
import { measureClient } from '../load/connections.ts'
import type { Scenario } from '../scenario.ts'
import { eventsPerSecond, paths } from '../upstream.ts'

const connections = 1000

export const events: Scenario = {
  name: 'events',
  about: `${connections} streams of server-sent events, ${eventsPerSecond} a second each`,
  unit: 'us/event',
  gateways: [nginxBare, nginxLua, aegisNoPlugins(), aegisFullChain()],
  measure: (turn) => measureClient(turn, { kind: 'events', path: paths.events, connections }),
}
