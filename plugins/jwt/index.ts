// Bearer tokens: verifies them and establishes who the caller is. Worker thread.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { createJwt } from './authenticate.ts'
import { checkJwt } from './check.ts'
import { jwtSchema } from './schema.ts'

export const jwt = definePlugin({
  name: 'jwt',
  schema: jwtSchema,
  provides: ['identity'],
  enforces: ['auth'],
  onFailure: 'deny',
  check: checkJwt,
  create: createJwt,
})

export default jwt
