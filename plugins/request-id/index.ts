// Names every request, and keeps or begins its W3C trace. Worker thread; first in the shipped chain.
import { Type } from 'typebox'
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { checkHeaderName, createRequestId } from './request-id.ts'

const schema = Type.Object(
  {
    header: Type.String({
      default: 'X-Request-Id',
      pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$',
      description: 'Header that carries the id: read from trusted peers, sent upstream and downstream.',
    }),
    trace: Type.Union([Type.Literal('any'), Type.Literal('trusted'), Type.Literal('off')], {
      default: 'any',
      description:
        'Whose valid traceparent is continued: that of any client, only that of a trusted peer, or none is sent at all.',
    }),
    sampled: Type.Boolean({
      default: true,
      description: 'Sampled flag of a trace that begins here. A continued trace keeps its own.',
    }),
  },
  { additionalProperties: false },
)

export const requestId = definePlugin({
  name: 'request-id',
  schema,
  provides: ['requestId'],
  onFailure: 'deny',
  check: (config) => checkHeaderName(config.header),
  create: createRequestId,
})

export default requestId
