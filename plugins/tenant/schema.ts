// What an operator may write for the tenant plugin.
import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false } as const

const source = Type.Union([
  Type.Literal('host'),
  Type.Literal('claim'),
  Type.Object(
    {
      header: Type.String({
        pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$',
        description: 'Header that names the tenant; trusted proxies must overwrite what clients send.',
      }),
    },
    closed,
  ),
])

export const tenantSchema = Type.Object(
  {
    sources: Type.Array(source, {
      minItems: 1,
      default: ['host', 'claim'],
      description:
        'Where the tenant is looked for, in order: "host" (subdomain of a base domain, or custom domain), "claim" (the tenant of the verified credential), or { "header": "x-tenant-id" }, which is believed only from trusted proxies: they must overwrite what clients send. The first place that names a tenant decides; places that name different ones are refused with 403.',
    }),
    required: Type.Boolean({
      default: true,
      description: 'Refuses requests that name no tenant, or one that is not in routes.json.',
    }),
    unknownStatus: Type.Optional(
      Type.Union([Type.Literal(404), Type.Literal(403), Type.Literal(400)], {
        description: 'Status of that refusal; default is `tenancy.unknownTenant` of routes.json.',
      }),
    ),
    sharedHosts: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description:
        'Hosts below a base domain that belong to no tenant, such as api.example.com: there the next source decides.',
    }),
    allowUnboundCredentials: Type.Boolean({
      default: false,
      description:
        'Accepts a tenant named by a header for a caller whose verified credential is bound to no tenant. Then that header alone decides where such a caller may act.',
    }),
  },
  closed,
)

export type TenantConfig = Readonly<Static<typeof tenantSchema>>
