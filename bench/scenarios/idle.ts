// Memory of 10,000 keep-alive connections that wait after one request.
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { measureClient } from '../load/connections.ts'
import { measureRequests } from '../load/requests.ts'
import { readRssBytes } from '../measure.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

const connections = 10_000
/** Long enough for garbage of the requests to be collected. */
const settleSeconds = 5

export const idle: Scenario = {
  name: 'idle',
  about: `${connections} idle keep-alive connections after one request each`,
  unit: 'KB/connection',
  gateways: [nginxBare, aegisNoPlugins(), aegisFullChain()],
  // Memory that was once had is not given back: the second 10,000 would cost nothing.
  once: true,
  async measure(turn) {
    // Code is compiled and the heap has its size before the first one counts.
    await measureRequests(turn, { path: paths.small })
    const before = readRssBytes(turn.running.pid)
    let after = before
    const load = { kind: 'idle', path: paths.small, connections } as const
    const figures = await measureClient({ ...turn, seconds: settleSeconds }, load, {
      onEnd: () => {
        after = readRssBytes(turn.running.pid)
      },
    })
    return { ...figures, cost: (after - before) / 1024 / connections }
  },
}
