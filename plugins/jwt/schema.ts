// What an operator may write for the jwt plugin.
import { type Static, Type } from 'typebox'

/** RFC 7518 section 3.1 and RFC 8037; `none` is not among them and cannot be configured. */
export const algorithmNames = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

export type Algorithm = (typeof algorithmNames)[number]

const closed = { additionalProperties: false } as const
const text = Type.String({ minLength: 1 })
const headerName = (description: string) =>
  Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$', description })
const parameterName = (description: string) =>
  Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$", description })

const source = Type.Union([
  Type.Object(
    {
      header: headerName('Header that holds the token.'),
      scheme: Type.Optional(
        headerName('Word before the token, in any case; without it, the whole header is the token.'),
      ),
    },
    closed,
  ),
  Type.Object({ cookie: parameterName('Cookie that holds the token.') }, closed),
  Type.Object(
    { query: parameterName('Query parameter that holds the token; it ends up in logs and histories.') },
    closed,
  ),
])

const issuer = Type.Object(
  {
    issuer: Type.String({ minLength: 1, description: 'Exact value of the `iss` claim.' }),
    audience: Type.Optional(
      Type.Union([text, Type.Array(text, { minItems: 1 })], {
        description:
          'The `aud` claim must name one of these. Without it, `aud` is not looked at: set it where the issuer also serves others.',
      }),
    ),
    algorithms: Type.Array(Type.Enum([...algorithmNames], { type: 'string' }), {
      minItems: 1,
      uniqueItems: true,
      description: 'The only algorithms that are accepted. Either HS*, or those of public keys.',
    }),
    secret: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 8 })], {
        writeOnly: true,
        description: 'For HS*: the shared secret, or several while one is being replaced.',
      }),
    ),
    secretEncoding: Type.Union([Type.Literal('utf8'), Type.Literal('base64'), Type.Literal('hex')], {
      default: 'utf8',
      description: 'How `secret` is written. base64 also reads base64url.',
    }),
    publicKey: Type.Optional(Type.String({ description: 'A public key or certificate, PEM text.' })),
    publicKeyFile: Type.Optional(
      Type.String({ minLength: 1, description: 'PEM file, relative to the config directory; watched.' }),
    ),
    jwksUrl: Type.Optional(
      Type.String({ minLength: 1, description: 'http(s) address of a JWK Set (RFC 7517).' }),
    ),
    jwksFile: Type.Optional(
      Type.String({ minLength: 1, description: 'JWK Set file, relative to the config directory; watched.' }),
    ),
    tenants: Type.Optional(
      Type.Array(text, {
        minItems: 1,
        uniqueItems: true,
        description:
          'Only tokens of these tenants are accepted from this issuer. With exactly one, a token that names no tenant is bound to it.',
      }),
    ),
    types: Type.Optional(
      Type.Array(text, {
        minItems: 1,
        description: 'Accepted values of the `typ` header, such as `at+jwt` (RFC 9068). Without it, any.',
      }),
    ),
  },
  closed,
)

const claimNames = (names: string[], description: string) => Type.Array(text, { default: names, description })

const claims = Type.Object(
  {
    userId: Type.Array(text, {
      minItems: 1,
      default: ['user_id', 'sub'],
      description: 'Claims that hold the user id; the first one present counts.',
    }),
    tenant: claimNames(['tenant_id'], 'Claims that hold the tenant id.'),
    roles: claimNames(
      ['roles'],
      'Claims that hold roles: a list, or one string separated by spaces or commas.',
    ),
    permissions: claimNames(['permissions'], 'Claims that hold permissions, written like roles.'),
    session: claimNames(['sid', 'session_id'], 'Claims that hold the session id, for revocation.'),
  },
  {
    ...closed,
    default: {},
    description:
      'Claim names. A name is looked up as it is; failing that, dots lead into nested objects (`realm_access.roles`).',
  },
)

const seconds = (value: number, maximum: number, description: string) =>
  Type.Integer({ minimum: 0, maximum, default: value, description })

const jwks = Type.Object(
  {
    refreshSeconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 600,
      description: 'How often a URL is fetched again.',
    }),
    cooldownSeconds: seconds(
      30,
      86_400,
      'Least time between two fetches that tokens with unknown keys may cause.',
    ),
    timeoutMs: Type.Integer({
      minimum: 1,
      maximum: 60_000,
      default: 5000,
      description: 'Time one fetch may take.',
    }),
    waitMs: Type.Integer({
      minimum: 0,
      maximum: 8000,
      default: 2000,
      description: 'How long a request with an unknown key waits for the fetch it caused.',
    }),
    maxBytes: Type.Integer({
      minimum: 1024,
      maximum: 4_194_304,
      default: 262_144,
      description: 'Largest document read.',
    }),
  },
  { ...closed, default: {}, description: 'How key documents are fetched.' },
)

const cache = Type.Object(
  {
    maxEntries: Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      default: 10_000,
      description: 'Verified tokens kept by each worker; 0 turns the cache off.',
    }),
    maxBytes: Type.Integer({
      minimum: 65_536,
      maximum: 1_073_741_824,
      default: 16_777_216,
      description: 'Rough memory bound of that cache.',
    }),
  },
  { ...closed, default: {}, description: 'Verified tokens, never kept past their end.' },
)

export const jwtSchema = Type.Object(
  {
    issuers: Type.Array(issuer, {
      minItems: 1,
      description: 'Who may sign tokens, and how each is verified.',
    }),
    sources: Type.Array(source, {
      minItems: 1,
      default: [{ header: 'authorization', scheme: 'Bearer' }, { cookie: 'aegis_token' }],
      description:
        'Where a token is looked for, in order. The first place that holds one decides. A `query` source puts tokens into logs and histories: avoid it.',
    }),
    claims,
    requiredClaims: Type.Array(text, { default: [], description: 'Claims that every token must have.' }),
    requireExp: Type.Boolean({ default: true, description: 'Refuses tokens without an end.' }),
    requireTenant: Type.Boolean({
      default: true,
      description:
        'On the host of a tenant, refuses tokens that are bound to no tenant (neither by claim nor by `tenants` of the issuer): otherwise any user of the issuer could act in any tenant. Switch it off only if every user may.',
    }),
    clockToleranceSeconds: seconds(5, 3600, 'Allowance for clocks that differ, on exp, nbf and iat.'),
    maxTokenAgeSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 315_360_000,
        description: 'Refuses tokens issued longer ago than this; they need `iat` then.',
      }),
    ),
    maxTokenBytes: Type.Integer({
      minimum: 64,
      maximum: 65_536,
      default: 8192,
      description: 'Longer tokens are refused unread.',
    }),
    forwardToken: Type.Boolean({
      default: true,
      description:
        'Whether the upstream gets the token. false removes it from every header and cookie of `sources`.',
    }),
    realm: Type.String({
      pattern: '^[\\x20-\\x7e]{1,128}$',
      default: 'aegis',
      description: 'Realm named in WWW-Authenticate.',
    }),
    jwks,
    cache,
  },
  closed,
)

export type JwtConfig = Readonly<Static<typeof jwtSchema>>
export type IssuerConfig = JwtConfig['issuers'][number]
export type ClaimsConfig = JwtConfig['claims']
export type SourceConfig = JwtConfig['sources'][number]
