// Limits how many requests a tenant, user, address or route may make. Worker thread; after the plugins that find out who
// calls. It needs none of them: a part of a key that is not known is replaced by the client's address.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { checkRateLimit, longestWaitMs } from './check.ts'
import { createRateLimit } from './rate-limit.ts'
import { rateLimitSchema } from './schema.ts'

export const rateLimit = definePlugin({
  name: 'rate-limit',
  schema: rateLimitSchema,
  // A store that fails is `onStoreFailure`; what is left is a mistake of ours, and that must not open the gate.
  onFailure: 'deny',
  // A shaped request waits in the hook.
  hookTimeoutMs: longestWaitMs + 5_000,
  check: checkRateLimit,
  create: createRateLimit,
})

export default rateLimit
