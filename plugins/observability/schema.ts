// What an operator writes for the observability plugin. Read by both threads.
import { Type } from 'typebox'

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

export const schema = Type.Object(
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
