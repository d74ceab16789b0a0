// Schema of gateway.json, the static file: a change needs a restart.
import Type, { type Static } from 'typebox'
import { closed, durationMs, listOf, nameOf, oneOf, port, schemaReference, wholeNumber } from './parts.ts'

const redisNode = '^([A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$'

const filePath = (description: string) =>
  Type.String({ minLength: 1, description: `${description} Relative to the config directory.` })

const certificate = Type.Object(
  {
    hosts: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      maxItems: 1000,
      description:
        'Names that it is for: exact, "*.example.com" for one label, or "*" for all that no other one is for. Requests for other hosts get 421.',
    }),
    certFile: filePath('Certificate (PEM), the issuing ones behind it.'),
    keyFile: filePath('Private key (PEM) of certFile, not encrypted.'),
  },
  closed,
)

const tls = Type.Object(
  {
    certificates: Type.Array(certificate, {
      minItems: 1,
      maxItems: 1000,
      description:
        'Chosen by the name that the client asks for (SNI). Clients that name none, or one that none is for, get the one for "*", else the first. Changed files are live within a second.',
    }),
    minVersion: oneOf(['1.2', '1.3'], { default: '1.2', description: 'Oldest version of TLS.' }),
    http2: Type.Boolean({
      default: true,
      description: 'Offers HTTP/2 beside HTTP/1.1 (ALPN).',
    }),
    clientAuth: oneOf(['none', 'request', 'require'], {
      default: 'none',
      description:
        'Client certificates: none is asked for, one may be shown, or one must be. One that is shown must be issued by clientCa, else the connection ends.',
    }),
    clientCa: Type.Optional(filePath('Certificates (PEM) of those who issue client certificates.')),
    forwardClientCert: Type.Boolean({
      default: false,
      description: "Tells upstreams of the client's certificate by X-Forwarded-Client-Cert.",
    }),
    handshakeMs: durationMs('Time a client has for the handshake.', 10_000),
  },
  { ...closed, description: 'Makes it a TLS listener. Left out: plain text.' },
)

const listener = Type.Object(
  {
    name: nameOf('Name of the listener, in logs and in the status.'),
    host: Type.String({ minLength: 1, default: '0.0.0.0', description: 'Address to listen on.' }),
    port: port('TCP port; 0 picks a free one.'),
    http2: Type.Boolean({
      default: false,
      description:
        'For a listener without TLS: also speaks HTTP/2 to clients that begin with its preface (prior knowledge), such as a load balancer. With TLS there is tls.http2.',
    }),
    tls: Type.Optional(tls),
  },
  closed,
)

const token = Type.Object(
  {
    name: nameOf('Who holds the token; written to the audit trail.'),
    role: oneOf(['viewer', 'operator', 'admin'], {
      description:
        'viewer reads, operator also edits routes, plugins and tenants, admin also tokens and rollbacks.',
    }),
    sha256: Type.String({
      pattern: '^[0-9a-f]{64}$',
      'x-allowed': 'the SHA-256 of the token, 64 lower-case hex digits',
      description: 'SHA-256 of the bearer token as 64 lower-case hex digits.',
    }),
  },
  closed,
)

const admin = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      default: '127.0.0.1',
      description: 'Address of the admin API; loopback unless it is protected otherwise.',
    }),
    port: port('TCP port of the admin API; 0 picks a free one.', { default: 3001 }),
    tokens: listOf(
      token,
      'Bearer tokens of the admin API. With none, one is made at start and printed once.',
    ),
    allowedHosts: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        maxItems: 1000,
        description:
          'Host names under which the admin API may be asked besides addresses, localhost and bare names.',
      }),
    ),
    openMetrics: Type.Optional(
      Type.Boolean({
        description:
          'Whether /metrics needs no token. Left out: only while the admin API listens on loopback.',
      }),
    ),
  },
  { ...closed, default: {}, description: 'The admin API, on a listener of its own.' },
)

const http2Limits = Type.Object(
  {
    streams: wholeNumber('Requests under way at once.', 100, 1, 10_000),
    windowBytes: wholeNumber(
      'Bytes of one request body that the client may send before anybody takes them.',
      262_144,
      65_535,
      16_777_216,
    ),
    connectionWindowBytes: wholeNumber(
      'The same for all bodies of a connection together: what it may hold of memory.',
      1_048_576,
      65_535,
      268_435_456,
    ),
    resetsPerMinute: wholeNumber(
      'Requests that a client may cancel, or make the gateway reset, beyond one for each that it lets end; with more the connection ends.',
      200,
      1,
      1_000_000,
    ),
    emptyFramesPerMinute: wholeNumber(
      'Frames that carry nothing (PING, SETTINGS, WINDOW_UPDATE, empty DATA and the like), beyond those that its requests account for; a malformed request counts as ten. With more the connection ends.',
      2000,
      10,
      1_000_000,
    ),
  },
  { ...closed, default: {}, description: 'What one HTTP/2 connection may do.' },
)

const limits = Type.Object(
  {
    headerBytes: wholeNumber('Bytes of all request headers together.', 16_384, 1024, 1_048_576),
    headerCount: wholeNumber('Request headers.', 100, 1, 10_000),
    urlBytes: wholeNumber('Bytes of the request target.', 8192, 64, 1_048_576),
    bodyBytes: wholeNumber('Bytes of a request body.', 10_485_760, 0, Number.MAX_SAFE_INTEGER),
    connections: wholeNumber('Open client connections of the process; 0 is no limit.', 50_000, 0, 10_000_000),
    connectionsPerIp: wholeNumber('Open connections of one client address; 0 is no limit.', 0, 0, 10_000_000),
    requestsPerConnection: wholeNumber(
      'Requests served on one connection before it is closed; 0 is no limit.',
      0,
      0,
      1_000_000_000,
    ),
    http2: http2Limits,
    eventLoopLagMs: durationMs(
      'A worker that is so far behind for a while refuses requests with 503, those of the busiest tenants first; 0: it does not.',
      500,
      0,
    ),
    workerBlockedMs: durationMs(
      'A worker whose event loop stands still for so long is ended and replaced; 0: it is not.',
      10_000,
      0,
    ),
    workerHeapMb: wholeNumber(
      'Heap of a worker in MiB. One that needs more is ended and replaced; 0: what Node.js allows.',
      2048,
      0,
      1_048_576,
    ),
  },
  {
    ...closed,
    default: {},
    description: 'What clients may send at most, and when the gateway has too much to do.',
  },
)

const timeouts = Type.Object(
  {
    headersMs: durationMs('Time a client has to send the head of a request.', 10_000),
    requestMs: durationMs('Time a client has to send a whole request.', 60_000),
    idleMs: durationMs('Time an idle connection is kept.', 75_000),
    drainTimeoutMs: durationMs('Time that requests in flight get when the gateway stops.', 30_000, 0),
  },
  { ...closed, default: {}, description: 'How long clients may take.' },
)

const log = Type.Object(
  {
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      default: 'info',
      description: 'Least severe level that is logged.',
    }),
    access: oneOf(['stdout', 'off'], {
      default: 'stdout',
      description: 'Where access log lines go besides the file.',
    }),
    file: Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
      default: null,
      description: 'Rotated log file, relative to the config directory; null for none.',
    }),
    rotateBytes: wholeNumber('Size at which the file is rotated.', 52_428_800, 1024, 1_099_511_627_776),
    rotateKeep: wholeNumber('Rotated files kept.', 5, 1, 1000),
  },
  { ...closed, default: {}, description: 'System and access log.' },
)

const redisNodes = (description: string) =>
  Type.Array(Type.String({ pattern: redisNode, 'x-allowed': 'host:port', description: 'host:port.' }), {
    minItems: 1,
    maxItems: 64,
    description,
  })
const redisUser = Type.String({ minLength: 1, description: 'ACL user; wins over the one in `url`.' })
const redisPassword = Type.String({ writeOnly: true, description: 'Password; wins over the one in `url`.' })

const redisTls = Type.Object(
  {
    caFile: Type.Optional(filePath("Certificates (PEM) that are trusted instead of the system's.")),
    certFile: Type.Optional(filePath('Certificate (PEM) that Redis is shown.')),
    keyFile: Type.Optional(filePath('Private key (PEM) of certFile.')),
    serverName: Type.Optional(
      Type.String({ minLength: 1, description: 'Name that the certificate must be for.' }),
    ),
  },
  {
    ...closed,
    description:
      "TLS to Redis and to its Sentinels; `{}` with the system's certificates. A `rediss://` URL does the same.",
  },
)

const redis = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        pattern: '^(rediss?://.+)?$',
        'x-allowed': 'redis://[user:password@]host[:port][/database] or rediss://...',
        description: 'A single Redis. Empty: none, as if `redis` were not there.',
      }),
    ),
    sentinel: Type.Optional(
      Type.Object(
        {
          name: Type.String({ minLength: 1, description: 'Name of the primary, as the Sentinels know it.' }),
          nodes: redisNodes('The Sentinels.'),
          username: Type.Optional(Type.String({ minLength: 1, description: 'ACL user of the Sentinels.' })),
          password: Type.Optional(
            Type.String({ writeOnly: true, description: 'Password of the Sentinels.' }),
          ),
        },
        { ...closed, description: 'Redis behind Sentinel, instead of `url`.' },
      ),
    ),
    cluster: Type.Optional(
      Type.Object(
        { nodes: redisNodes('Some nodes; the others are found through them.') },
        { ...closed, description: 'Redis Cluster, instead of `url`.' },
      ),
    ),
    username: Type.Optional(redisUser),
    password: Type.Optional(redisPassword),
    database: wholeNumber('Number of the database; a Cluster has only 0.', 0, 0, 1_000_000),
    tls: Type.Optional(redisTls),
    keyPrefix: Type.String({
      pattern: '^[!-z|~]{0,64}$',
      'x-allowed': 'at most 64 printable characters without spaces and braces',
      default: 'aegis:',
      description: 'Beginning of every key and channel; gateways that share state have the same one.',
    }),
    commandTimeoutMs: wholeNumber('Longest wait for an answer, in ms.', 50, 1, 60_000),
    maxPending: wholeNumber(
      'Commands of one worker that may wait for an answer; more are refused at once.',
      10_000,
      1,
      1_000_000,
    ),
    breaker: Type.Object(
      {
        failures: wholeNumber('Failures in a row after which Redis is not asked any more.', 5, 1, 10_000),
        probeMs: durationMs('How often it is then tried again.', 250),
      },
      {
        ...closed,
        default: {},
        description: 'Keeps requests from waiting for a Redis that does not answer.',
      },
    ),
  },
  {
    ...closed,
    description: 'State shared with other gateways; left out, all state is kept in this process.',
  },
)

const demo = Type.Object(
  {
    backendPort: port('Port of the sample backend, on loopback.'),
    tenant: nameOf('Tenant that the printed demo token belongs to.'),
  },
  {
    ...closed,
    description: 'Starts the sample backend and prints a signed demo token. Leave it out in production.',
  },
)

const consul = Type.Object(
  {
    url: Type.String({
      maxLength: 2048,
      description: 'Origin of the Consul agent, such as "http://127.0.0.1:8500"; empty is none.',
    }),
    token: Type.String({
      default: '',
      maxLength: 1024,
      writeOnly: true,
      description: 'ACL token; empty is none.',
    }),
  },
  { ...closed, description: 'Consul agent for discovery and for configSource.' },
)

const configSource = Type.Object(
  {
    consulKv: Type.String({
      pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
      maxLength: 256,
      'x-allowed': 'a key such as "aegis/config", without a slash at its ends',
      description: 'Key prefix in Consul KV below which routes.json and plugins.json are.',
    }),
    seed: Type.Boolean({
      default: false,
      description:
        'Puts the files of the config directory there at the start when neither key exists. Leave it off once they do: a Consul that lost its memory would be given these files.',
    }),
  },
  {
    ...closed,
    description:
      'Where routes.json and plugins.json are read from and written to. Left out: the config directory.',
  },
)

export const gatewayFileSchema = Type.Object(
  {
    $schema: schemaReference,
    listeners: Type.Array(listener, {
      minItems: 1,
      maxItems: 64,
      description: 'Where clients connect.',
    }),
    workers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 64 })], {
      default: 'auto',
      description: 'Worker threads; "auto" is one per processor.',
    }),
    admin,
    trustedProxies: listOf(
      Type.String(),
      'Addresses or CIDR ranges of proxies whose forwarding and identity headers are believed.',
      { maxItems: 10_000 },
    ),
    limits,
    timeouts,
    log,
    stateDir: Type.String({
      minLength: 1,
      default: '.aegis',
      description: 'Where the last good config and its history are kept; relative to the config directory.',
    }),
    consul: Type.Optional(consul),
    configSource: Type.Optional(configSource),
    redis: Type.Optional(redis),
    demo: Type.Optional(demo),
  },
  { ...closed, title: 'Aegis gateway.json', description: 'Static settings; a change needs a restart.' },
)

/** gateway.json with its defaults filled in. */
export type GatewayFile = Static<typeof gatewayFileSchema>
