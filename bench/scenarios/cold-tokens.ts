// Every token new, of one user: what verifying costs over finding the token verified.
import { aegisFullChain } from '../gateways/aegis.ts'
import { createNginxLua, nginxLua } from '../gateways/nginx-lua.ts'
import { measureRequests } from '../load/requests.ts'
import type { Gateway, Scenario } from '../scenario.ts'
import { signToken, withTokens } from '../tokens.ts'
import { paths } from '../upstream.ts'

/**
 * Far more than the caches hold (about a thousand), so that each one is forgotten before it comes again. No more, because
 * wrk's Lua hashes long strings by a few of their bytes: its time to read them in grows with the square of their number.
 */
const count = 5000
const cold = (gateway: Gateway): Gateway =>
  withTokens(gateway, `${gateway.name}-cold`, () =>
    Array.from({ length: count }, (_, index) => signToken({ id: `token-${index}` })),
  )

export const coldTokens: Scenario = {
  name: 'cold-tokens',
  about: 'small GET, HS256: one token (cached) against every token new (-cold)',
  unit: 'us/request',
  gateways: [
    aegisFullChain(),
    cold(aegisFullChain({ keptTokens: 1000 })),
    nginxLua,
    cold(createNginxLua({ tokenMemory: '512k' })),
  ],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
