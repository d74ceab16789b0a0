// Refuses request bodies above a limit, before they are read where their length is told. Worker thread.
import { Type } from 'typebox'
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { createRequestSize } from './request-size.ts'

const schema = Type.Object(
  {
    limitBytes: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Largest request body, in bytes. The gateway-wide limits.bodyBytes holds as well.',
    }),
    requireContentLength: Type.Boolean({
      default: false,
      description:
        'Answers 411 to a body of untold length, and to POST, PUT and PATCH without Content-Length.',
    }),
  },
  { additionalProperties: false },
)

export const requestSize = definePlugin({
  name: 'request-size',
  schema,
  onFailure: 'deny',
  create: createRequestSize,
})

export default requestSize
