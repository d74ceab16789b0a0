// Counts and logs every exchange once it is over: request metrics and the access log. Worker thread; last in the
// shipped chain. Holds up nothing: it only has an onLog hook.
import { Type } from 'typebox'
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { createAccessLog, isCredentialHeader } from './access-log.ts'
import { createRequestMetrics } from './request-metrics.ts'

const accessLogDefaults = {
  enabled: true,
  sample: 1,
  redactQuery: ['token', 'access_token', 'aegis_token', 'api_key'],
  headers: [],
}

const accessLog = Type.Object(
  {
    enabled: Type.Boolean({ default: accessLogDefaults.enabled, description: 'One JSON line per request.' }),
    sample: Type.Number({
      default: accessLogDefaults.sample,
      minimum: 0,
      maximum: 1,
      description: 'Share of requests that get a line, picked at random: 1 is all, 0 none.',
    }),
    redactQuery: Type.Array(Type.String({ minLength: 1 }), {
      default: accessLogDefaults.redactQuery,
      description: 'Query parameters, in any case, whose values are not logged; in the Referer neither.',
    }),
    headers: Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
      default: accessLogDefaults.headers,
      description: 'Request headers logged besides User-Agent and Referer.',
    }),
  },
  {
    additionalProperties: false,
    default: accessLogDefaults,
    description: 'Lines go to where gateway.json `log` sends them.',
  },
)

const schema = Type.Object(
  {
    metrics: Type.Boolean({ default: true, description: 'Request metrics for Prometheus.' }),
    tenantSeries: Type.Integer({
      default: 100,
      minimum: 0,
      maximum: 10_000,
      description: 'Tenants that get a series of their own; the others are counted together under `other`.',
    }),
    accessLog,
  },
  { additionalProperties: false },
)

export const observability = definePlugin({
  name: 'observability',
  schema,
  onFailure: 'allow',
  check: (config) =>
    config.accessLog.headers.flatMap((name, i) =>
      isCredentialHeader(name)
        ? [
            {
              pointer: `/accessLog/headers/${i}`,
              message: `${name} holds credentials and is never logged; take it off the list.`,
            },
          ]
        : [],
    ),
  create(config, ports) {
    const count = config.metrics ? createRequestMetrics(ports.metrics, config.tenantSeries) : null
    const write = config.accessLog.enabled ? createAccessLog(config.accessLog, ports.accessLog) : null
    return {
      onLog(ex) {
        count?.(ex)
        write?.(ex)
      },
    }
  },
})

export default observability
