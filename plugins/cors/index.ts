// The single source of truth for CORS. Worker thread; ahead of authentication, so that refusals carry CORS headers too.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { checkCors } from './check.ts'
import { createCors } from './cors.ts'
import { corsSchema } from './schema.ts'

export const cors = definePlugin({
  name: 'cors',
  schema: corsSchema,
  onFailure: 'deny',
  check: checkCors,
  create: createCors,
})

export default cors
