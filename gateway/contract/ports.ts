// What the host gives a plugin: the only way from a plugin to time, state, network, log and metrics.
import type { RequestView } from './exchange.ts'

export interface PluginPorts {
  /** The instance's id in plugins.json. */
  readonly id: string
  /** Number of this instance's private value on every exchange (RequestView.getSlot). */
  readonly slot: number
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsPort
  /** Of this process alone. */
  readonly counters: CounterStore
  /** Of all gateways; null while state is kept in process. */
  readonly sharedCounters: SharedCounters | null
  readonly documents: DocumentsPort
  /** What `checkFiles` of the definition read, as it was then. */
  readonly files: FileReader
  readonly revocations: RevocationsPort
  readonly subrequest: SubrequestPort
  /** A cache shared by all gateways; null while state is kept in process. */
  readonly sharedCache: SharedCache | null
  /** One access log line, a JSON object without the trailing newline; batched, never blocks. */
  readonly accessLog: (line: string) => void
}

export interface Clock {
  /** CLOCK_MONOTONIC in ms with fractions; the same clock in every thread of the process. */
  monotonicMs(): number
  /** Unix time in ms. */
  wallMs(): number
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void
}

type LogMethod = (fields: Record<string, unknown>, message: string) => void
export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
}

/** Prometheus instruments. Asking again for a name gives the same instrument. Bind children when compiling, not per request. */
export interface MetricsPort {
  counter(
    name: string,
    help: string,
    labelNames: readonly string[],
    options?: SeriesOptions,
  ): Labelled<CounterChild>
  gauge(name: string, help: string, labelNames: readonly string[]): Labelled<GaugeChild>
  histogram(
    name: string,
    help: string,
    labelNames: readonly string[],
    bucketsSeconds: readonly number[],
  ): Labelled<HistogramChild>
}
export interface SeriesOptions {
  /** Process-wide cap on the values of one label; past it, new values are counted under `other`. */
  readonly capLabel?: string
  readonly capValues?: number
}
export interface Labelled<Child> {
  labels(...values: string[]): Child
}
export interface CounterChild {
  inc(by?: number): void
}
export interface GaugeChild {
  set(value: number): void
}
export interface HistogramChild {
  observe(seconds: number): void
}

export type LimitAlgorithm = 'fixed-window' | 'sliding-window' | 'token-bucket' | 'leaky-bucket'

/** One limit asked for one request. Times are on the store's own clock. */
export interface LimitCheck {
  /**
   * Everything the counter is keyed by; two tenants' keys can never be equal. Where a part `|tenant=ID` is in it, a store
   * of several nodes keeps the tenant's counters on one of them.
   */
  readonly key: string
  readonly algorithm: LimitAlgorithm
  /** Units per window. */
  readonly limit: number
  readonly windowMs: number
  /** Bucket size of token-bucket and depth of leaky-bucket, in units; windows ignore it. */
  readonly burst: number
  /** Units this request takes. */
  readonly cost: number
  /** leaky-bucket as a shaper: the request waits its turn in a queue of `burst` units; else it is a meter. */
  readonly shape: boolean
}

export interface LimitState {
  readonly allowed: boolean
  /** Units left after this request, never negative. */
  readonly remaining: number
  /** Until the limit is wholly free again (windows: until the window ends). */
  readonly resetMs: number
  /** 0 when allowed; else the wait after which this request could pass. */
  readonly retryAfterMs: number
  /** Only with `shape`: how long the request must wait before it goes on. */
  readonly delayMs: number
}

/** Exact, all-or-nothing limits. In process: a shared-memory table over all workers. Redis fills the same interface. */
export interface CounterStore {
  /** Takes every check's cost, or none if one refuses. `states[i]` answers `checks[i]`. */
  take(checks: readonly LimitCheck[]): readonly LimitState[] | Promise<readonly LimitState[]>
  /** The state without taking anything. */
  peek(check: LimitCheck): LimitState | Promise<LimitState>
  reset(check: Pick<LimitCheck, 'key' | 'algorithm'>): void | Promise<void>
}

/** Counters in Redis. `take`, `peek` and `reset` reject, or throw, within the store's bound on waiting. */
export interface SharedCounters extends CounterStore {
  /** Decides by the counters of this process and tells the others every `syncMs`: never waits, and may let more through. */
  synced(syncMs: number): CounterStore
}

/** A remote or local document, fetched by the main thread for all workers; the last good text is kept. */
export interface DocumentSource {
  /** Exactly one of both. File paths are relative to the config directory. */
  readonly url?: string
  readonly file?: string
  /** How often a URL is fetched again. Files are watched. */
  readonly refreshMs: number
  /** Least time between two fetches that refresh() may cause. */
  readonly cooldownMs: number
  readonly timeoutMs: number
  readonly maxBytes: number
  /** `jwks`: only a JSON object with keys in it counts as good; an error page never replaces the last good text. Default `text`. */
  readonly format?: 'text' | 'jwks'
}
export interface DocumentsPort {
  /** Same source, same document. Closing the last handle stops the fetching. */
  open(source: DocumentSource): DocumentHandle
}
export interface DocumentHandle {
  /** null until the first good fetch. */
  readonly text: string | null
  /** Counts up with each changed text; 0 is none yet. */
  readonly version: number
  /** Resolves after the first attempt, good or bad. */
  readonly ready: Promise<void>
  /** Asks for a fetch now; resolves when it ended or the cool-down forbids it. Never rejects. */
  refresh(): Promise<void>
  onChange(callback: () => void): void
  close(): void
}

/** Files and variables that belong to a plugin's config. On the main thread it reads; in workers it repeats what was read there. */
export interface FileReader {
  /** A character for each byte (latin1). Relative paths are relative to the config directory. Throws an error that names the path. */
  read(path: string): string
  /** Absolute paths of the files that a pattern means (`*` and `?` within a segment), in alphabetical order. */
  find(pattern: string): readonly string[]
  /** An environment variable of the gateway; undefined when it is not set or empty. */
  variable(name: string): string | undefined
}

export interface RevocationsPort {
  /** True when the token with these properties was revoked. */
  isRevoked(token: RevocableToken): boolean
}
export interface RevocableToken {
  readonly tenantId: string | null
  readonly userId: string
  readonly tokenId: string | null
  readonly sessionId: string | null
  /** Seconds since the epoch; tokens without iat count as issued at 0. */
  readonly issuedAt: number
}

export interface SubrequestPort {
  /** Asks the upstream of the exchange's route. Rejects with a GatewayError (source upstream) when no answer can be had. */
  send(ex: RequestView, request: Subrequest): Promise<SubrequestAnswer>
}
export interface Subrequest {
  readonly method: string
  readonly path: string
  /** Flat list: name, value. */
  readonly headers: readonly string[]
  readonly body: string
  readonly timeoutMs: number
  readonly maxBytes: number
}
export interface SubrequestAnswer {
  readonly status: number
  readonly body: string
}

/** Every method rejects within the store's bound on waiting. */
export interface SharedCache {
  /**
   * What is kept under these names in a scope: nested names, widest first, such as a plugin's instance, a tenant, a user;
   * at least two.
   */
  read(scope: readonly string[], names: readonly string[]): Promise<SharedReading>
  /** `seal`: of the reading that came before the value was found out, so that no purge in between is missed. */
  write(
    scope: readonly string[],
    name: string,
    value: string,
    options: { readonly seal: string; readonly ttlMs: number },
  ): Promise<void>
  /** Drops everything in the scope and below it; one name alone is the widest scope. */
  purge(scope: readonly string[]): Promise<void>
}

export interface SharedReading {
  readonly seal: string
  /** null: nothing that counts. */
  readonly values: readonly (string | null)[]
}

/** Places for connections of clients, over all workers and listeners of the process. */
export interface ConnectionPlaces {
  /** `address`: the peer's, in one spelling. */
  take(address: string): 'taken' | 'full' | 'full-for-address'
  /** Once for each that was taken. */
  leave(address: string): void
}
