// What an operator may write for the rbac plugin.
import { type Static, Type } from 'typebox'

const roleTable = Type.Record(
  Type.String({ minLength: 1 }),
  Type.Object(
    {
      inherits: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), {
          description: 'Roles whose permissions, and whose places on routes, this role has too.',
        }),
      ),
      permissions: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), {
          description: '"items:read", "items:*", "*:read" or "*".',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  { default: {}, description: 'Roles by name, as tokens carry them.' },
)

const seconds = (initial: number, description: string) =>
  Type.Number({ minimum: 0, maximum: 86_400, default: initial, description })

const subrequest = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description: 'false: what neither roles nor token grant is denied.',
    }),
    path: Type.String({
      default: '/aegis/authorize',
      pattern: '^/[!-"$-~]*$',
      description: 'Path of the question, sent with POST.',
    }),
    // Below the 10 s that a request hook may take.
    timeoutMs: Type.Integer({
      minimum: 1,
      maximum: 9_000,
      default: 2_000,
      description: 'How long an answer is waited for.',
    }),
    maxBytes: Type.Integer({
      minimum: 64,
      maximum: 1_048_576,
      default: 65_536,
      description: 'A larger answer is no answer.',
    }),
  },
  {
    additionalProperties: false,
    default: { enabled: true, path: '/aegis/authorize', timeoutMs: 2_000, maxBytes: 65_536 },
    description:
      "The question to the route's upstream. Only status 200 with a well-formed body is an answer.",
  },
)

export const rbacSchema = Type.Object(
  {
    roles: roleTable,
    tenants: Type.Record(
      Type.String({ minLength: 1 }),
      Type.Object({ roles: roleTable }, { additionalProperties: false }),
      {
        default: {},
        description:
          'By tenant id: roles that replace the general ones of the same name, or are added to them.',
      },
    ),
    trustTokenPermissions: Type.Boolean({
      default: true,
      description: 'Whether the permissions that a verified token carries count.',
    }),
    subrequest,
    onUnavailable: Type.Union([Type.Literal('deny'), Type.Literal('allow'), Type.Literal('stale')], {
      default: 'deny',
      description:
        'When no answer can be had: 503, let pass, or the last known answer (503 when there is none).',
    }),
    maxEntries: Type.Integer({
      minimum: 1,
      maximum: 10_000_000,
      default: 10_000,
      description: 'Decisions kept per worker.',
    }),
    ttlSeconds: seconds(60, 'How long an answer without a ttl counts.'),
    maxTtlSeconds: seconds(300, 'The longest that any answer counts, whatever ttl it names.'),
    negativeTtlSeconds: seconds(5, 'The longest that a refusal counts.'),
    staleSeconds: seconds(
      0,
      'How long an expired permission is still served while it is asked for again; 0: never.',
    ),
    staleOnErrorSeconds: seconds(600, 'With onUnavailable "stale": how old beyond its end an answer may be.'),
    failureTtlMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 1_000,
      description: 'How long a question that got no answer is not asked again.',
    }),
  },
  { additionalProperties: false },
)

export type RbacConfig = Readonly<Static<typeof rbacSchema>>
export type RoleDefinitions = RbacConfig['roles']
