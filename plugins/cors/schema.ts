// What an operator may write for the cors plugin.
import { type Static, type TSchema, Type } from 'typebox'

/** RFC 9110 token: nothing that could split a header. */
const token = Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" })
const origin = Type.String({ minLength: 1 })
const maxAge = { minimum: 0, maximum: 31_536_000 }

const say = {
  origins:
    'Exact origins (https://app.example.com), wildcards for one or more labels below a domain (https://*.example.com; scheme and port count), "null", or "*" for all.',
  methods: 'Methods that a page may use.',
  headers: 'Request headers that a page may send.',
  exposeHeaders: 'Response headers that a page may read.',
  credentials: 'Lets pages send cookies. Never together with "*" or "null".',
  maxAgeSeconds: 'How long a browser may remember a preflight.',
  allowPrivateNetwork: 'Answers Access-Control-Request-Private-Network with true.',
}

/** What a tenant does not say is taken from the general settings, so these have no defaults. */
const tenantSettings = Type.Object(
  {
    origins: Type.Optional(Type.Array(origin, { description: say.origins })),
    methods: Type.Optional(Type.Array(token, { description: say.methods })),
    headers: Type.Optional(Type.Array(token, { description: say.headers })),
    exposeHeaders: Type.Optional(Type.Array(token, { description: say.exposeHeaders })),
    credentials: Type.Optional(Type.Boolean({ description: say.credentials })),
    maxAgeSeconds: Type.Optional(Type.Integer({ ...maxAge, description: say.maxAgeSeconds })),
    allowPrivateNetwork: Type.Optional(Type.Boolean({ description: say.allowPrivateNetwork })),
  },
  { additionalProperties: false },
)

const list = <T extends TSchema>(item: T, initial: string[], description: string) =>
  Type.Array(item, { default: initial, description })

export const corsSchema = Type.Object(
  {
    origins: list(origin, ['*'], say.origins),
    methods: list(token, ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], say.methods),
    headers: list(token, ['Content-Type', 'Authorization'], say.headers),
    exposeHeaders: list(token, [], say.exposeHeaders),
    credentials: Type.Boolean({ default: false, description: say.credentials }),
    maxAgeSeconds: Type.Integer({ ...maxAge, default: 86_400, description: say.maxAgeSeconds }),
    allowPrivateNetwork: Type.Boolean({ default: false, description: say.allowPrivateNetwork }),
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
