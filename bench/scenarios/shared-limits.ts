// What it costs to count in Redis: the whole chain with local limits, with a script call for each request, and synced.
import { aegisFullChain } from '../gateways/aegis.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const sharedLimits: Scenario = {
  name: 'shared-limits',
  about: 'GET of a small JSON answer, 64 connections, the whole chain with limits kept locally and in Redis',
  unit: 'us/request',
  gateways: [
    aegisFullChain({ name: 'aegis-limits-local' }),
    aegisFullChain({ name: 'aegis-limits-redis', store: { store: 'redis' } }),
    aegisFullChain({ name: 'aegis-limits-synced', store: { store: 'redis', syncMs: 100 } }),
  ],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
