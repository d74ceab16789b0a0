// Whether a request pays for routes and tenants that are not its own.
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

const others = 10_000

export const manyRoutes: Scenario = {
  name: 'many-routes',
  about: 'small GET, one route and tenant against 10,000 of each (-10k)',
  unit: 'us/request',
  gateways: [
    aegisFullChain(),
    aegisFullChain({ name: 'aegis-full-chain-10k', others }),
    aegisNoPlugins(),
    aegisNoPlugins({ name: 'aegis-no-plugins-10k', others }),
  ],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
