// Each request is another user's, whose token is known but whose permission is not: one question to the upstream each.
import { aegisFullChain } from '../gateways/aegis.ts'
import { createNginxLua } from '../gateways/nginx-lua.ts'
import { measureRequests } from '../load/requests.ts'
import type { Gateway, Scenario } from '../scenario.ts'
import { signToken, withTokens } from '../tokens.ts'
import { paths } from '../upstream.ts'

const users = 1000
const manyUsers = (gateway: Gateway): Gateway =>
  withTokens(gateway, `${gateway.name}-misses`, () =>
    Array.from({ length: users }, (_, index) => signToken({ user: `user-${index}` })),
  )

export const rbacMisses: Scenario = {
  name: 'rbac-misses',
  about:
    'small GET of 1,000 users: decisions cached, against a POST /aegis/authorize for each request (-misses)',
  unit: 'us/request',
  gateways: [
    { ...manyUsers(aegisFullChain()), name: 'aegis-full-chain' },
    // The smallest caches, so that none of the users is found.
    manyUsers(aegisFullChain({ keptDecisions: 1 })),
    manyUsers(createNginxLua({ keepDecisions: false })),
  ],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
