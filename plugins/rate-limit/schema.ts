// What an operator may write for the rate-limit plugin. The semantics: docs/decisions/rate-limit-semantics.md.
import { type Static, Type } from 'typebox'

/** Counters are doubles and header fields hold 15 digits; this is far from both ends. */
export const mostUnits = 1_000_000_000
const mostWindowMs = 366 * 86_400_000

const limit = Type.Integer({
  minimum: 1,
  maximum: mostUnits,
  description:
    'Units per window. Windows let exactly this many through; buckets come free at this rate, evenly over the window.',
})
const windowMs = Type.Integer({
  minimum: 1,
  maximum: mostWindowMs,
  description: 'Length of the window in ms.',
})
const burst = Type.Integer({
  minimum: 0,
  maximum: mostUnits,
  description:
    'Buckets only: how many units may pass at once, that is the size of the token bucket, the depth of the leaky bucket, the queue of a shaper. 0: as many as `limit`. In no window do more than limit + burst pass. Windows ignore it.',
})
const cost = Type.Integer({ minimum: 1, maximum: mostUnits, description: 'Units that one request takes.' })

const variant = Type.Object(
  {
    limit: Type.Optional(limit),
    windowMs: Type.Optional(windowMs),
    burst: Type.Optional(burst),
    cost: Type.Optional(cost),
  },
  { additionalProperties: false },
)
const variants = (whose: string) =>
  Type.Record(Type.String({ minLength: 1 }), variant, {
    default: {},
    description: `Other numbers for ${whose}; what is left out is taken from the limit itself.`,
  })

const limitSchema = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
      description:
        'In keys, metrics and response headers. Counters belong to the name: two instances with one name share them.',
    }),
    algorithm: Type.Union(
      [
        Type.Literal('fixed-window'),
        Type.Literal('sliding-window'),
        Type.Literal('token-bucket'),
        Type.Literal('leaky-bucket'),
      ],
      {
        default: 'token-bucket',
        description:
          'fixed-window: limit per window. sliding-window: never more than limit in any window. token-bucket, leaky-bucket: burst at once, then evenly.',
      },
    ),
    key: Type.Array(
      Type.String({
        pattern: '^(tenant|user|ip|route|api-key|header:[A-Za-z0-9_.-]{1,64}|claim:[^|=%]{1,128})$',
      }),
      {
        minItems: 1,
        maxItems: 8,
        uniqueItems: true,
        default: ['user'],
        description:
          'What a counter belongs to: tenant, user, ip, route, api-key (header x-api-key), header:x, claim:x. user, api-key, header and claim are counted per tenant. A part that the request does not have is replaced by the client address.',
      },
    ),
    limit,
    windowMs: Type.Integer({ ...windowMs, default: 60_000 }),
    burst: Type.Integer({ ...burst, default: 0 }),
    cost: Type.Integer({ ...cost, default: 1 }),
    shape: Type.Boolean({
      default: false,
      description: 'leaky-bucket only: requests wait their turn instead of going on at once.',
    }),
    dryRun: Type.Boolean({ default: false, description: 'Count and report, but never refuse or delay.' }),
    plans: variants('tenants of a plan'),
    tenants: variants('single tenants; wins over plans'),
    claim: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          "Name of a token claim that holds this caller's `limit` (a whole number, also as text); wins over plans and tenants. Whoever issues the token sets the limit.",
      }),
    ),
  },
  { additionalProperties: false },
)

const seedLimit = {
  name: 'default',
  algorithm: 'token-bucket' as const,
  key: ['user'],
  limit: 100,
  windowMs: 60_000,
  burst: 10,
  cost: 1,
  shape: false,
  dryRun: false,
  plans: {},
  tenants: {},
}

export const rateLimitSchema = Type.Object(
  {
    limits: Type.Array(limitSchema, {
      minItems: 1,
      maxItems: 16,
      default: [seedLimit],
      description:
        'All of them hold at once: a request passes if every one lets it, and is counted in all or none.',
    }),
    store: Type.Union([Type.Literal('local'), Type.Literal('redis')], {
      default: 'local',
      description:
        'Where counters are kept. local: shared memory, exact over all workers of this process. redis: exact over all gateways with the same Redis (`redis` in gateway.json).',
    }),
    syncMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 0,
      description:
        'Store redis only. 0: each request asks Redis. Else decisions are local and told to the other gateways this often: no request waits, and with N gateways up to N - 1 times what one of them lets through in twice this time passes too much.',
    }),
    onStoreFailure: Type.Union([Type.Literal('local'), Type.Literal('allow'), Type.Literal('deny')], {
      default: 'local',
      description:
        'When the store cannot answer: count in this process alone, let requests pass uncounted, or answer 503.',
    }),
    dryRun: Type.Boolean({
      default: false,
      description: 'All limits count and report, none refuses or delays.',
    }),
    status: Type.Integer({ minimum: 400, maximum: 599, default: 429, description: 'Status of a refusal.' }),
    headers: Type.Object(
      {
        rateLimit: Type.Boolean({
          default: true,
          description: 'RateLimit-Policy and RateLimit (IETF draft-ietf-httpapi-ratelimit-headers).',
        }),
        legacy: Type.Boolean({
          default: false,
          description:
            'X-RateLimit-Limit, -Remaining and -Reset (seconds) of the limit that is nearest to its end.',
        }),
      },
      {
        additionalProperties: false,
        default: { rateLimit: true, legacy: false },
        description: 'What responses, refusals and successes alike, say about the limits.',
      },
    ),
    ipv6PrefixBits: Type.Integer({
      minimum: 16,
      maximum: 128,
      default: 64,
      description: 'IPv6 clients are counted by this network: one subscriber usually has a whole /64.',
    }),
  },
  { additionalProperties: false },
)

export type RateLimitConfig = Static<typeof rateLimitSchema>
export type LimitConfig = Static<typeof limitSchema>
export type LimitVariant = Static<typeof variant>
