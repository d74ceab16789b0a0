// What the main thread and its workers say to each other (structured clone over the worker's message port).
import type { HandleCounts } from './handles.ts'
import type { LogConfig, PluginEntry, RedisConfig, Snapshot, TargetConfig } from './snapshot.ts'

/** Given to a worker when it is spawned. */
export interface WorkerBoot {
  readonly index: number
  /** The shared counter table of gateway/shared-state/. */
  readonly counters: SharedArrayBuffer
  /** Places for connections, likewise. */
  readonly places: SharedArrayBuffer
  /** One Int32 that the worker counts up as long as its event loop runs. */
  readonly beats: SharedArrayBuffer
  readonly logLevel: LogConfig['level']
  /** What this process calls itself in Via; no other gateway has the same. */
  readonly viaName: string
  /** null: all state is kept in process. */
  readonly redis: RedisConfig | null
}

export type ToWorker =
  /** Compile it, do not use it yet. Answered by prepared or refused. */
  | { readonly kind: 'prepare'; readonly version: number; readonly snapshot: Snapshot }
  /** Use the prepared one from now on. Answered by committed. */
  | { readonly kind: 'commit'; readonly version: number }
  | { readonly kind: 'abort'; readonly version: number }
  /** Ports by listener name. Answered by listening. */
  | { readonly kind: 'listen'; readonly ports: Readonly<Record<string, number>> }
  | { readonly kind: 'feed'; readonly feed: Feed }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** Stop accepting, finish what runs, then exit. Answered by drained. */
  | { readonly kind: 'drain'; readonly timeoutMs: number }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'prepared'; readonly version: number }
  | { readonly kind: 'refused'; readonly version: number; readonly reason: string }
  | { readonly kind: 'committed'; readonly version: number }
  | {
      readonly kind: 'listening'
      readonly ports: Readonly<Record<string, number>>
      readonly error: string | null
    }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown; readonly error: string | null }
  | { readonly kind: 'drained' }
  /** Whole lines, each ended by a newline. `system` lines are the worker's own log. */
  | { readonly kind: 'log'; readonly stream: 'access' | 'system'; readonly lines: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'report'; readonly report: Report }

/** Fast-changing data pushed to every worker without touching its runtime. The newest of each key is replayed to a new worker. */
export type Feed =
  | { readonly topic: 'health'; readonly states: readonly TargetHealth[] }
  | {
      readonly topic: 'document'
      readonly key: string
      readonly text: string | null
      readonly version: number
    }
  /** The attempt that a refresh() waits for has ended. */
  | { readonly topic: 'document-attempt'; readonly key: string }
  | { readonly topic: 'revocations'; readonly entries: readonly Revocation[] }
  /** Of all listeners with TLS; sent before a worker is told to listen, and whenever a file changed. */
  | { readonly topic: 'certificates'; readonly listeners: readonly ListenerCertificates[] }
  /** `upstream` is a key of upstream-key.ts. Sent once a first attempt was made; null: it is no longer looked up. */
  | {
      readonly topic: 'endpoints'
      readonly upstream: string
      /** `toSourceKey` of the settings that they were found by. */
      readonly source: string
      readonly targets: readonly TargetConfig[] | null
    }

/** What a listener shows to its clients, read and checked. PEM. */
export interface ListenerCertificates {
  readonly listener: string
  /** In the order of the config. */
  readonly pairs: readonly CertificatePair[]
  readonly clientCa: string | null
  /** 48 bytes. Every worker has the same, so that a client may resume its session with any of them. */
  readonly ticketKeys: Uint8Array
}

export interface CertificatePair {
  readonly cert: string
  readonly key: string
}

export interface TargetHealth {
  /** Key of upstream-key.ts. */
  readonly upstream: string
  /** Origin of the target. */
  readonly target: string
  /** Result of the active checks; true when there are none. */
  readonly healthy: boolean
  /** Monotonic ms (the process-wide clock) until which passive ejection lasts; 0 when not ejected. */
  readonly ejectedUntilMs: number
}

/** What a worker tells the control plane on its own account. */
export type Report =
  | {
      readonly topic: 'ejected'
      readonly upstream: string
      readonly target: string
      readonly untilMs: number
    }
  | { readonly topic: 'document-open'; readonly key: string }
  | { readonly topic: 'document-refresh'; readonly key: string }
  | { readonly topic: 'document-close'; readonly key: string }
  /** This worker has a request for that tenant's own endpoints of an upstream. */
  | { readonly topic: 'upstream-open'; readonly upstream: string; readonly tenant: string }
  /** It has had none for a while. */
  | { readonly topic: 'upstream-close'; readonly upstream: string; readonly tenant: string }

export type Question =
  | { readonly topic: 'metrics' }
  | { readonly topic: 'status' }
  /** Put to every instance of that plugin in the live runtime; answered by a list, one value per instance. */
  | {
      readonly topic: 'plugin'
      readonly plugin: string
      readonly operation: string
      readonly args: Readonly<Record<string, unknown>>
    }
  | TrialQuestion

/** Put to one instance: of the live runtime, or one that no request of a client meets. Answered by a TrialAnswer. */
export interface TrialQuestion {
  readonly topic: 'trial'
  readonly plugin: string
  /** null: the live one. `entry` is given once for a key; the newest key is kept for a while. */
  readonly trial: { readonly key: string; readonly entry: PluginEntry | null } | null
  readonly operation: string
  readonly args: Readonly<Record<string, unknown>>
}

/** `known` false: there is no such instance, or the entry of this key must be given (again). */
export type TrialAnswer = { readonly known: true; readonly value: unknown } | { readonly known: false }

export interface WorkerStatus {
  readonly index: number
  readonly version: number
  readonly connections: number
  readonly inFlight: number
  readonly heapUsedBytes: number
  /** Outside of V8's heap: buffers. */
  readonly externalBytes: number
  readonly handles: HandleCounts
  readonly eventLoopLagMs: number
  /** Of this worker's own connection; null while no Redis is configured. */
  readonly redis: StoreStatus | null
}

export interface StoreStatus {
  readonly state: 'up' | 'down'
  /** Why it is down. */
  readonly lastError: string | null
}

/** "Everything of this subject issued up to `notBefore` is void." Kept until `expiresAt`. */
export interface Revocation {
  readonly id: string
  readonly kind: 'token' | 'session' | 'user'
  /** jti, session id or user id. */
  readonly subject: string
  /** null: in every tenant. */
  readonly tenantId: string | null
  /** Seconds since the epoch; for user and session: tokens with iat before or at it are void. Ignored for `token`. */
  readonly notBefore: number
  /** Seconds since the epoch at which the entry may be forgotten. */
  readonly expiresAt: number
}
