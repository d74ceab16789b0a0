// The validated, defaulted, frozen form of an operator's config. Plain data: it is posted to every worker.
// Built by config/load.ts on the main thread; compiled into a runtime by gateway/dataplane/runtime.ts.
import type { RecordedFiles } from './recorded-files.ts'

export interface Snapshot {
  /** Counts up by one with every accepted config of this process; 1 is the first. */
  readonly version: number
  readonly gateway: GatewayConfig
  readonly tenancy: TenancyConfig
  readonly tenants: readonly Tenant[]
  /** Plan name -> free-form plan settings. */
  readonly plans: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  readonly routes: readonly RouteConfig[]
  /** What becomes of `//` in paths, before any route is looked for. */
  readonly slashes: Slashes
  /** In chain order; disabled entries are kept (the admin API lists them), the chain skips them. */
  readonly plugins: readonly PluginEntry[]
}

/** gateway.json: static, a change needs a restart. */
export interface GatewayConfig {
  readonly listeners: readonly ListenerConfig[]
  readonly workers: number
  readonly admin: AdminConfig
  /** CIDRs or addresses of peers whose forwarding and identity headers are believed. */
  readonly trustedProxies: readonly string[]
  readonly limits: LimitsConfig
  readonly timeouts: TimeoutsConfig
  readonly log: LogConfig
  /** Where last good config, history and revocations are kept; absolute path. */
  readonly stateDir: string
  /** null: all state is kept in this process. */
  readonly redis: RedisConfig | null
  readonly demo: DemoConfig | null
  /** null: there is none. */
  readonly consul: ConsulConfig | null
  /** Where routes.json and plugins.json are; null: in the config directory. */
  readonly configSource: ConfigSource | null
}

export interface ConsulConfig {
  /** Origin of the agent. */
  readonly url: string
  /** ACL token; '' is none. */
  readonly token: string
}

export interface ConfigSource {
  /** Key prefix in Consul's KV store, without slashes at its ends. */
  readonly consulKv: string
  /** Whether the files of the config directory are put there when there is nothing. */
  readonly seed: boolean
}

export interface ListenerConfig {
  readonly name: string
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** Plain text: HTTP/2 is spoken to clients that begin with its preface. */
  readonly http2: boolean
  /** null: plain text. */
  readonly tls: ListenerTlsConfig | null
}

export type ClientAuth = 'none' | 'request' | 'require'

/** How a listener speaks TLS. Paths are absolute; what stands in the files travels as a feed of its own. */
export interface ListenerTlsConfig {
  /** The first one, or the one with the host `*`, is shown to clients that name no host or one that none is for. */
  readonly certificates: readonly {
    /** Exact, `*.example.com` for one label, or `*`. Lower-case. */
    readonly hosts: readonly string[]
    readonly certFile: string
    readonly keyFile: string
  }[]
  readonly minVersion: '1.2' | '1.3'
  /** HTTP/2 is offered by ALPN. */
  readonly http2: boolean
  /** Whether clients may or must show a certificate; one that is shown must always be good. */
  readonly clientAuth: ClientAuth
  /** Who may have issued it; not null unless clientAuth is none. */
  readonly clientCa: string | null
  readonly forwardClientCert: boolean
  readonly handshakeMs: number
}

export type AdminRole = 'viewer' | 'operator' | 'admin'

export interface AdminConfig {
  readonly host: string
  readonly port: number
  /** `sha256` is the lower-case hex SHA-256 of the bearer token. */
  readonly tokens: readonly { readonly name: string; readonly role: AdminRole; readonly sha256: string }[]
  /** Host names under which the admin API may be asked besides addresses, localhost and names without a dot. */
  readonly allowedHosts?: readonly string[]
  /** Whether `/metrics` needs no token; not given: only while the admin listener is bound to loopback. */
  readonly openMetrics?: boolean
}

export interface LimitsConfig {
  readonly headerBytes: number
  readonly headerCount: number
  readonly urlBytes: number
  readonly bodyBytes: number
  /** Open downstream connections of the whole process; 0 is no limit. */
  readonly connections: number
  /** Open downstream connections of one client address; 0 is no limit. */
  readonly connectionsPerIp: number
  /** Requests served on one downstream connection before it is closed; 0 is no limit. */
  readonly requestsPerConnection: number
  readonly http2: Http2LimitsConfig
  /** Lag of a worker's event loop above which requests are refused; 0: none are. */
  readonly eventLoopLagMs: number
  /** A worker whose event loop stands still for this long is replaced; 0: it is not. */
  readonly workerBlockedMs: number
  /** Heap of a worker; past it the worker is ended and replaced. 0: what Node.js allows. */
  readonly workerHeapMb: number
}

/** What one HTTP/2 connection may do. */
export interface Http2LimitsConfig {
  readonly streams: number
  readonly windowBytes: number
  readonly connectionWindowBytes: number
  readonly resetsPerMinute: number
  readonly emptyFramesPerMinute: number
}

export interface TimeoutsConfig {
  readonly headersMs: number
  readonly requestMs: number
  readonly idleMs: number
  readonly drainTimeoutMs: number
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Where access log lines go besides the file: the process' standard output or nowhere. */
  readonly access: 'stdout' | 'off'
  /** Absolute path of the rotated file that gets system and access log lines; null for none. */
  readonly file: string | null
  /** Rotation threshold of the file, in bytes. */
  readonly rotateBytes: number
  /** Rotated files kept. */
  readonly rotateKeep: number
}

/** Where several gateways share state. Exactly one of `url`, `sentinel` and `cluster` is not null. */
export interface RedisConfig {
  readonly url: string | null
  readonly sentinel: {
    readonly name: string
    /** host:port */
    readonly nodes: readonly string[]
    readonly username: string | null
    readonly password: string | null
  } | null
  readonly cluster: { readonly nodes: readonly string[] } | null
  readonly username: string | null
  readonly password: string | null
  readonly database: number
  /** null: no TLS unless `url` says rediss. Absolute paths. */
  readonly tls: {
    readonly caFile: string | null
    readonly certFile: string | null
    readonly keyFile: string | null
    readonly serverName: string | null
  } | null
  readonly keyPrefix: string
  readonly commandTimeoutMs: number
  readonly maxPending: number
  readonly breaker: { readonly failures: number; readonly probeMs: number }
}

/** Only in the shipped example: a sample backend beside the gateway and a signed token printed at start. */
export interface DemoConfig {
  readonly backendPort: number
  readonly tenant: string
}

export interface TenancyConfig {
  /** `acme.example.com` belongs to tenant `acme` when `example.com` is listed. Lower-case. */
  readonly baseDomains: readonly string[]
  /** Status answered when no tenant can be found for a request that the tenant plugin guards. */
  readonly unknownTenant: 404 | 403 | 400
}

export type TenantStatus = 'active' | 'suspended'

export interface Tenant {
  readonly id: string
  readonly hosts: readonly string[]
  readonly plan: string | null
  readonly status: TenantStatus
  readonly metadata: Readonly<Record<string, unknown>>
}

export type BalancerName = 'round-robin' | 'least-request' | 'ewma' | 'hash'

/** What requests that belong together have in common: `tenant`, `user`, `ip`, `header:name` or `cookie:name`. */
export type HashKey = string

export interface TargetConfig {
  /** Origin only: scheme, host, port. */
  readonly url: string
  readonly weight: number
  /** What goes into Host where that is not the host of `url`; only of discovered targets. */
  readonly host?: string
}

interface DiscoverySettings {
  readonly scheme: 'http' | 'https'
  /** An answer without endpoints: the last ones stay, or there are none. */
  readonly onEmpty: 'keep' | 'clear'
}

/** Instances of a service that are registered in Consul. */
export interface ConsulDiscovery extends DiscoverySettings {
  readonly kind: 'consul'
  /** `{tenant}` in it makes this one upstream for each tenant. */
  readonly service: string
  /** An instance must have all of them. */
  readonly tags: readonly string[]
  /** null: that of the agent. */
  readonly datacenter: string | null
  /** True: only instances whose checks all pass; false: also those with warnings, by their other weight. */
  readonly passingOnly: boolean
  /** Whether a server that is not the leader may answer. */
  readonly stale: boolean
}

/** Addresses that a name resolves to. */
export interface DnsDiscovery extends DiscoverySettings {
  readonly kind: 'dns'
  /** `{tenant}` in it makes this one upstream for each tenant. */
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'SRV'
  /** null only for SRV, whose records name ports. */
  readonly port: number | null
  /** `address` or `address:port`; none: those of the system. */
  readonly resolvers: readonly string[]
  readonly timeoutMs: number
  /** Bounds on the time between two look-ups, whatever TTL the records have. */
  readonly minRefreshMs: number
  readonly maxRefreshMs: number
}

export type DiscoveryConfig = ConsulDiscovery | DnsDiscovery

export type RetryReason = 'connect-failure' | 'reset-before-response' | '502' | '503' | '504'

export interface UpstreamConfig {
  readonly name: string
  /** Of a discovered upstream: those known when the control plane gave this; empty in a snapshot. */
  readonly targets: readonly TargetConfig[]
  /** null: the targets are those of the config. */
  readonly discovery: DiscoveryConfig | null
  readonly balancer: BalancerName
  /** Of the balancer `hash`. */
  readonly hashKey: HashKey
  /** How long a target that is new or came back takes to reach its full weight; 0: at once. */
  readonly slowStartMs: number
  readonly health: {
    readonly active: {
      readonly path: string
      readonly intervalMs: number
      readonly timeoutMs: number
      /** Consecutive results that flip the state. */
      readonly healthyAfter: number
      readonly unhealthyAfter: number
    } | null
    readonly passive: { readonly failures: number; readonly ejectMs: number } | null
  }
  readonly retry: {
    /** Tries after the first. */
    readonly attempts: number
    /** Retries allowed as a share of the requests of the last seconds. */
    readonly budgetPercent: number
    readonly on: readonly RetryReason[]
  }
  /** A second try beside a first one that is late; null: none. */
  readonly hedge: { readonly afterMs: number } | null
  readonly breaker: {
    readonly maxConnections: number
    readonly maxPending: number
    /** Of these connections, for one tenant; 0: as many as there are. */
    readonly maxPerTenant: number
    /** Failures among the last seconds' responses that open the breaker; 0 turns it off. */
    readonly errorPercent: number
  }
  readonly timeouts: { readonly connectMs: number; readonly headersMs: number; readonly bodyIdleMs: number }
  /** How requests go up: our own lean HTTP/1.1 client, HTTP/2, or undici. */
  readonly transport: 'undici' | 'http1' | 'http2'
  /** True: the client's Host goes up; false: the target's. */
  readonly preserveHost: boolean
  /** For targets with https; null: the system's certificates, and verification. */
  readonly tls: UpstreamTls | null
}

/** PEM. */
export interface UpstreamTls {
  /** Who is trusted instead of the system's; null: those. */
  readonly ca: string | null
  /** What the upstream is shown; both or none. */
  readonly cert: string | null
  readonly key: string | null
  /** The name that is asked for and verified; null: the host of the target. */
  readonly serverName: string | null
  readonly verify: boolean
}

export type Slashes = 'merge' | 'keep'
export type EncodedSlashes = 'refuse' | 'keep'

export type AuthMode = 'required' | 'optional' | 'none'

export interface MirrorConfig {
  readonly upstream: string
  /** Share of the requests. */
  readonly percent: number
  /** Requests with a larger body are not copied. */
  readonly bodyBytes: number
}

/** Of WebSockets and event streams. */
export interface LongLivedConfig {
  /** What the end of the caller's credential means for those that it opened. */
  readonly onExpiry: 'close' | 'keep'
  /** How long nothing may pass; 0: for as long as it likes. */
  readonly idleMs: number
  /** How long one may be open; 0: for as long as it likes. */
  readonly maxMs: number
}

export interface RouteConfig {
  readonly id: string
  /** Exact (`api.acme.com`), one-label wildcard (`*.example.com`) or empty for any host. Lower-case. */
  readonly hosts: readonly string[]
  /** Patterns: literal segments, `{name}`, a last `/*`. */
  readonly paths: readonly string[]
  /** Upper-case; empty for any method. */
  readonly methods: readonly string[]
  /** Lower-case name -> exact value that the request must carry. */
  readonly headers: Readonly<Record<string, string>>
  readonly upstream: readonly { readonly name: string; readonly weight: number }[]
  /** Whose requests stay with one upstream of a split; null: nobody's. */
  readonly sticky: 'tenant' | 'user' | null
  /** Where copies of the requests go; null: nowhere. */
  readonly mirror: MirrorConfig | null
  readonly rewrite: { readonly stripPrefix: string | null; readonly path: string | null } | null
  /** Whether `%2F` may stand in a path of the route, as a character of its segment. */
  readonly encodedSlashes: EncodedSlashes
  readonly auth: AuthMode
  /** Any of these roles; empty asks for none. */
  readonly roles: readonly string[]
  /** `action` may hold `{method}`, replaced by the default action of the method. */
  readonly permission: { readonly resource: string; readonly action: string } | null
  readonly longLived: LongLivedConfig
}

export interface PluginScope {
  readonly routes: readonly string[]
  readonly tenants: readonly string[]
  readonly plans: readonly string[]
}

export interface PluginEntry {
  readonly id: string
  /** Name in the registry, or the absolute path of an operator's module. */
  readonly plugin: string
  readonly enabled: boolean
  readonly scope: PluginScope
  /** Validated against the plugin's schema, defaults filled in. */
  readonly config: Readonly<Record<string, unknown>>
  /** What the plugin read while it checked this config; absent when it read nothing. */
  readonly files?: RecordedFiles
}
