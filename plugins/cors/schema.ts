// What an operator may write for the cors plugin.
import { type Static, Type } from 'typebox'

const token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

const origins = Type.Array(Type.String({ minLength: 1 }), {
  default: ['*'],
  description:
    'Exact origins (https://app.example.com), wildcards for one or more labels below a domain (https://*.example.com; scheme and port count), "null", or "*" for all.',
})
const methods = Type.Array(Type.String({ pattern: token }), {
  default: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
})
const headers = Type.Array(Type.String({ pattern: token }), {
  default: ['Content-Type', 'Authorization'],
  description: 'Request headers that a page may send.',
})
const exposeHeaders = Type.Array(Type.String({ pattern: token }), {
  default: [],
  description: 'Response headers that a page may read.',
})
const credentials = Type.Boolean({
  default: false,
  description: 'Lets pages send cookies. Never together with "*" or "null".',
})
const maxAgeSeconds = Type.Integer({
  minimum: 0,
  maximum: 31_536_000,
  default: 86_400,
  description: 'How long a browser may remember a preflight.',
})
const allowPrivateNetwork = Type.Boolean({
  default: false,
  description: 'Answers Access-Control-Request-Private-Network with true.',
})

/** The same settings without defaults: what a tenant does not say is taken from the general ones. */
const tenantSettings = Type.Object(
  {
    origins: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    methods: Type.Optional(Type.Array(Type.String({ pattern: token }))),
    headers: Type.Optional(Type.Array(Type.String({ pattern: token }))),
    exposeHeaders: Type.Optional(Type.Array(Type.String({ pattern: token }))),
    credentials: Type.Optional(Type.Boolean()),
    maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 31_536_000 })),
    allowPrivateNetwork: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

export const corsSchema = Type.Object(
  {
    origins,
    methods,
    headers,
    exposeHeaders,
    credentials,
    maxAgeSeconds,
    allowPrivateNetwork,
    tenants: Type.Record(Type.String({ minLength: 1 }), tenantSettings, {
      default: {},
      description:
        'By tenant id. A preflight carries no token: for it, the tenant is the one that the Host names.',
    }),
  },
  { additionalProperties: false },
)

export type CorsConfig = Readonly<Static<typeof corsSchema>>
export type CorsSettings = Omit<CorsConfig, 'tenants'>
