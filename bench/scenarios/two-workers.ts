// What sharing a process costs: CPU time per request with two workers. The second one shares the load's core.
import { aegisFullChain } from '../gateways/aegis.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const twoWorkers: Scenario = {
  name: 'two-workers',
  about: 'small GET, one worker against two',
  unit: 'us/request',
  gateways: [aegisFullChain(), aegisFullChain({ name: 'aegis-full-chain-2', workers: 2 })],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
