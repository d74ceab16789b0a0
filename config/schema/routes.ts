// Schema of routes.json, the dynamic file: tenants, upstreams and routes; a change is live within a second.
import Type, { type Static, type TSchemaOptions } from 'typebox'
import { consulDiscovery, dnsDiscovery } from './discovery.ts'
import { closed, durationMs, listOf, nameOf, oneOf, schemaReference, wholeNumber } from './parts.ts'

const weight = (options: TSchemaOptions = {}) =>
  Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Share of the requests.', ...options })

const tenancy = Type.Object(
  {
    baseDomains: listOf(
      Type.String(),
      'With "example.com", the host acme.example.com belongs to the tenant "acme".',
      { maxItems: 1000 },
    ),
    unknownTenant: Type.Enum([404, 403, 400], {
      type: 'integer',
      default: 404,
      description: 'Status answered when a request that the tenant plugin guards belongs to no known tenant.',
    }),
  },
  { ...closed, default: {}, description: 'How hosts name tenants.' },
)

const tenant = Type.Object(
  {
    id: nameOf('Id of the tenant; also its subdomain of every base domain.'),
    hosts: listOf(Type.String(), 'Custom domains of the tenant.', { maxItems: 1000 }),
    plan: Type.Union([Type.String(), Type.Null()], {
      default: null,
      description: 'One of the plans, or null.',
    }),
    status: oneOf(['active', 'suspended'], {
      default: 'active',
      description: 'Requests of a suspended tenant get 403.',
    }),
    metadata: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      description: 'Free-form; plugins may read it.',
    }),
  },
  closed,
)

const hashKeyPattern = '^(tenant|user|ip|(header|cookie):[A-Za-z0-9._-]{1,128})$'

const target = Type.Object(
  {
    url: Type.String({ description: 'Origin of the service: http://host:port or https://host:port.' }),
    weight: weight({ default: 1 }),
  },
  closed,
)

const activeHealth = Type.Object(
  {
    path: Type.String({
      pattern: '^/[!-~]*$',
      'x-allowed': 'a path that starts with "/"',
      default: '/health',
      description: 'Path that is asked; a status below 400 is healthy.',
    }),
    intervalMs: durationMs('Time between two checks of a target.', 5000, 100),
    timeoutMs: durationMs('Time a check may take.', 2000, 10),
    healthyAfter: wholeNumber('Good checks in a row that make a target healthy.', 2, 1, 100),
    unhealthyAfter: wholeNumber('Bad checks in a row that make a target unhealthy.', 3, 1, 100),
  },
  { ...closed, description: 'The gateway asks the targets. Left out: it does not.' },
)

const passiveHealth = Type.Object(
  {
    failures: wholeNumber('Failed requests in a row that eject a target.', 5, 1, 100_000),
    ejectMs: durationMs('How long a target stays ejected.', 30_000),
  },
  { ...closed, description: 'Failing targets are ejected for a while. Left out: they are not.' },
)

const retry = Type.Object(
  {
    attempts: wholeNumber('Tries after the first.', 2, 0, 10),
    budgetPercent: wholeNumber('Retries allowed as a share of recent requests.', 20, 0, 100),
    on: Type.Array(oneOf(['connect-failure', 'reset-before-response', '502', '503', '504'], {}), {
      default: ['connect-failure', 'reset-before-response'],
      uniqueItems: true,
      description: 'Failures that are retried, where the request can be repeated without harm.',
    }),
  },
  { ...closed, default: {}, description: 'Further tries on another target.' },
)

const hedge = Type.Object(
  {
    afterMs: durationMs('Time after which an answer is late.', 500),
  },
  {
    ...closed,
    description:
      'When the answer to a GET, HEAD, OPTIONS, PUT or DELETE is late, another target is asked too, within the budget of retries; the first answer counts. Left out: it is not.',
  },
)

const breaker = Type.Object(
  {
    maxConnections: wholeNumber(
      'Requests under way to the upstream, each on a connection of its own, per worker.',
      1024,
      1,
      1_000_000,
    ),
    maxPending: wholeNumber(
      'Requests that wait for a connection, per worker. When there are more, the tenant with most of them gets 503 first.',
      1024,
      0,
      1_000_000,
    ),
    maxPerTenant: wholeNumber(
      'Requests of one tenant under way to the upstream, per worker; 0 is no cap of its own.',
      0,
      0,
      1_000_000,
    ),
    errorPercent: wholeNumber('Share of failures that opens the breaker; 0 turns it off.', 0, 0, 100),
  },
  { ...closed, default: {}, description: 'Bounds what a sick upstream can hold.' },
)

const timeouts = Type.Object(
  {
    connectMs: durationMs('Time to connect.', 2000),
    headersMs: durationMs('Time until the head of the response.', 30_000),
    bodyIdleMs: durationMs('Longest pause within the response body.', 60_000),
  },
  { ...closed, default: {}, description: 'How long the upstream may take.' },
)

const pemFile = (description: string) =>
  Type.Optional(
    Type.String({ minLength: 1, description: `${description} Relative to the config directory.` }),
  )

const tls = Type.Object(
  {
    caFile: pemFile("Certificates (PEM) that are trusted instead of the system's."),
    certFile: pemFile('Certificate (PEM) that the upstream is shown.'),
    keyFile: pemFile('Private key (PEM) of certFile, not encrypted.'),
    serverName: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Name that is asked for and that the certificate must be for; left out, that of the target.',
      }),
    ),
    verify: Type.Boolean({
      default: true,
      description: 'false: any certificate is taken, from whoever answers. Not for production.',
    }),
  },
  { ...closed, description: 'TLS to targets with https. Changed files are live within a second.' },
)

const upstream = Type.Object(
  {
    targets: Type.Optional(
      Type.Array(target, {
        minItems: 1,
        maxItems: 1000,
        description: 'Where the service runs. Exactly one of targets, consul and dns is given.',
      }),
    ),
    consul: Type.Optional(consulDiscovery),
    dns: Type.Optional(dnsDiscovery),
    balancer: oneOf(['round-robin', 'least-request', 'ewma', 'hash'], {
      default: 'round-robin',
      description:
        'How a target is picked. least-request: the less busy of two random ones. ewma: the one of two whose late answers promise the shorter wait. hash: by hashKey, no target above 1.25 times its share.',
    }),
    hashKey: Type.String({
      pattern: hashKeyPattern,
      'x-allowed':
        '"tenant", "user", "ip", "header:name" or "cookie:name"; a name has up to 128 letters, digits, ".", "_" or "-"',
      default: 'tenant',
      description:
        'Of the balancer hash: requests with the same tenant, user, ip, header:name or cookie:name go to the same target; without it, those of the same address.',
    }),
    slowStartMs: durationMs(
      'How long a target that is new or came back takes to reach its full weight, from a tenth of it; 0: at once.',
      0,
      0,
    ),
    health: Type.Object(
      { active: Type.Optional(activeHealth), passive: Type.Optional(passiveHealth) },
      { ...closed, default: {}, description: 'How the health of targets is known.' },
    ),
    retry,
    hedge: Type.Optional(hedge),
    breaker,
    timeouts,
    transport: oneOf(['http1', 'http2', 'undici'], {
      default: 'http1',
      description:
        'How requests go up: http1, a strict HTTP/1.1 client of our own; http2, which gRPC needs, by prior knowledge or over TLS by ALPN; or undici, to compare with.',
    }),
    tls: Type.Optional(tls),
    preserveHost: Type.Boolean({
      default: false,
      description: "true: the client's Host is sent up; false: the target's.",
    }),
  },
  closed,
)

const rewrite = Type.Object(
  {
    stripPrefix: Type.Optional(
      Type.String({ description: 'Literal prefix, such as "/api/v1", taken off the path.' }),
    ),
    path: Type.Optional(
      Type.String({
        description:
          'Template of the path upstream: names of the route\'s path, a last "/*" for what its "/*" matched.',
      }),
    ),
  },
  { ...closed, description: 'Changes the path for the upstream: stripPrefix or path.' },
)

const permission = Type.Object(
  {
    resource: Type.String({ minLength: 1, maxLength: 256, description: 'Such as "items".' }),
    action: Type.String({
      minLength: 1,
      maxLength: 256,
      default: '{method}',
      description: '"{method}" stands for read, create, update or delete, by the method of the request.',
    }),
  },
  { ...closed, description: 'Permission that the caller needs.' },
)

const mirror = Type.Object(
  {
    upstream: Type.String({ description: 'Name of the upstream that gets the copies.' }),
    percent: wholeNumber('Share of the requests that are copied.', 100, 1, 100),
    bodyBytes: wholeNumber('Requests with a larger body are not copied.', 65_536, 0, 10_485_760),
  },
  { ...closed, description: 'Copies of the requests go there too; their answers are thrown away.' },
)

const longLived = Type.Object(
  {
    onExpiry: oneOf(['close', 'keep'], {
      default: 'close',
      description:
        "What the end of the caller's credential means for what it opened. Revocation, a suspended tenant or a route that is gone end it in any case.",
    }),
    idleMs: durationMs('Closed when nothing passed for so long; 0: never.', 0, 0),
    maxMs: durationMs('Closed when it was open for so long; 0: never.', 0, 0),
  },
  {
    ...closed,
    default: {},
    description: 'WebSockets and event streams (text/event-stream, gRPC) of the route.',
  },
)

const splitPart = Type.Object(
  { name: Type.String({ description: 'Name of an upstream.' }), weight: weight() },
  closed,
)

const route = Type.Object(
  {
    id: nameOf('Name of the route, in metrics, logs and scopes.'),
    hosts: listOf(Type.String(), 'Exact hosts or "*.example.com"; none is any host.', { maxItems: 1000 }),
    paths: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: 1000,
      description: 'Literal segments, "{name}" for one segment, a last "/*" for this path and all below.',
    }),
    methods: listOf(Type.String(), 'Upper-case methods; none is any method.', { maxItems: 50 }),
    headers: Type.Record(Type.String(), Type.String(), {
      default: {},
      description: 'Headers that the request must carry, with their exact values.',
    }),
    upstream: Type.Union(
      [
        Type.String({ description: 'Name of an upstream.' }),
        Type.Array(splitPart, { minItems: 1, maxItems: 100, description: 'Weighted split.' }),
      ],
      { description: 'Upstream of the route, or a list of upstreams with weights.' },
    ),
    sticky: Type.Optional(
      oneOf(['tenant', 'user'], {
        description:
          'Whose requests stay with one upstream of a weighted split. A request without tenant or user goes by its client address. Left out: every request is drawn anew.',
      }),
    ),
    mirror: Type.Optional(mirror),
    rewrite: Type.Optional(rewrite),
    encodedSlashes: oneOf(['refuse', 'keep'], {
      default: 'refuse',
      description:
        'What becomes of "%2F" in a path: the request gets 400, or it is passed on as it is, as a character of its segment. Keep is for services that read it so too.',
    }),
    auth: oneOf(['required', 'optional', 'none'], {
      default: 'required',
      description: 'Whether a caller must, may or need not be known.',
    }),
    roles: listOf(
      Type.String({ minLength: 1, maxLength: 256 }),
      'Any of these roles; none asks for no role.',
      {
        maxItems: 1000,
      },
    ),
    permission: Type.Optional(permission),
    longLived,
  },
  closed,
)

/** More would be a mistake; it also bounds how many problems one file can have. */
export const mostEntries = 100_000

export const routesFileSchema = Type.Object(
  {
    $schema: schemaReference,
    tenancy,
    tenants: listOf(tenant, 'The customers.', { maxItems: mostEntries }),
    plans: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()), {
      default: {},
      description: 'Plans by name, with free-form settings.',
    }),
    upstreams: Type.Record(Type.String(), upstream, { description: 'Services by name.' }),
    slashes: oneOf(['merge', 'keep'], {
      default: 'merge',
      description:
        'What becomes of "//" in a path, before a route is looked for: one slash, or kept. Where both readings do not belong to one route, the request gets 400.',
    }),
    routes: Type.Array(route, {
      maxItems: mostEntries,
      description: 'Which requests go where. The most specific route wins; order does not matter.',
    }),
  },
  {
    ...closed,
    title: 'Aegis routes.json',
    description: 'Tenants, upstreams and routes; changes are live at once.',
  },
)

/** routes.json with its defaults filled in. */
export type RoutesFile = Static<typeof routesFileSchema>
