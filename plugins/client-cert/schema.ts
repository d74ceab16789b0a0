// What an operator may write for the client-cert plugin.
import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false } as const
const text = { minLength: 1, maxLength: 1024 } as const
const words = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 256, pattern: '^[^,\\s]+$' }), {
    default: [],
    maxItems: 1000,
    description,
  })

const rule = Type.Object(
  {
    uri: Type.Optional(
      Type.String({
        ...text,
        description:
          'The one URI of the certificate, such as a SPIFFE id; `{name}` stands for a segment between slashes.',
      }),
    ),
    dns: Type.Optional(
      Type.String({
        ...text,
        description: 'One of the DNS names of the certificate, lower-case; `{name}` stands for a label.',
      }),
    ),
    commonName: Type.Optional(
      Type.String({ ...text, description: 'The one CN of the subject; `{name}` stands for all of it.' }),
    ),
    subject: Type.Optional(
      Type.String({
        ...text,
        description: 'The whole subject in the form of RFC 4514: `CN=billing,O=Acme`.',
      }),
    ),
    issuer: Type.Optional(
      Type.String({ ...text, description: 'The whole name of the issuer, in the same form.' }),
    ),
    fingerprint: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'SHA-256 of the certificate, 64 lower-case hex digits.',
      }),
    ),
    userId: Type.String({
      ...text,
      description:
        'User id of the caller. `{uri}`, `{dns}` and `{commonName}` stand for what the rule found, `{fingerprint}` and `{subject}` for those of the certificate, and every `{name}` of the rule for its part.',
    }),
    tenant: Type.String({
      ...text,
      description: 'Tenant of the caller, with the same `{name}`s; `*`: none, it may act for every tenant.',
    }),
    roles: words('Roles of the caller.'),
    permissions: words('Permissions of the caller, `resource:action`.'),
  },
  { ...closed, description: 'Everything that a rule names must be so.' },
)

export const clientCertSchema = Type.Object(
  {
    rules: Type.Array(rule, {
      minItems: 1,
      maxItems: 10_000,
      description: 'Who is who. The first rule that fits a certificate decides.',
    }),
    otherwise: Type.Union([Type.Literal('refuse'), Type.Literal('continue')], {
      default: 'refuse',
      description:
        'A request to a route with `"auth": "required"` without a certificate, or with one that no rule fits: refused, or left to a plugin further on, such as jwt, which must then enforce `auth`.',
    }),
  },
  closed,
)

export type ClientCertConfig = Readonly<Static<typeof clientCertSchema>>
export type ClientCertRule = ClientCertConfig['rules'][number]
