// The one port between the admin API and the control plane. Main thread. Implemented by gateway/control/control-api.ts.
import type { ConfigProblem } from './errors.ts'
import type { HandleCounts } from './handles.ts'
import type { Revocation, StoreStatus, TargetHealth, WorkerStatus } from './protocol.ts'
import type { AdminConfig } from './snapshot.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** The three files as the operator wrote them: `${NAME}` unresolved, defaults not filled in. */
export interface ConfigFiles {
  readonly gateway: JsonObject
  readonly routes: JsonObject
  readonly plugins: JsonObject
}

export interface EditOptions {
  /** Name of the admin token, for the audit trail. */
  readonly by: string
  /** What is being done, such as `PUT /admin/plugins/jwt`. */
  readonly action: string
  /** Validate and compile in every worker, then change nothing. */
  readonly dryRun: boolean
}

export type EditOutcome =
  | {
      readonly ok: true
      readonly version: number
      readonly files: ConfigFiles
      readonly warnings: readonly string[]
    }
  /** Nothing was changed. `conflict`: a file on disk is broken, so that an edit of it would lose an operator's work. */
  | {
      readonly ok: false
      readonly kind: 'invalid' | 'conflict' | 'refused-by-worker'
      readonly problems: readonly ConfigProblem[]
    }

export type TrialOutcome =
  | { readonly kind: 'answer'; readonly value: unknown }
  /** No enabled instance, or no worker that answers. */
  | { readonly kind: 'nobody' }
  /** Pointers are relative to `config`. */
  | { readonly kind: 'invalid'; readonly problems: readonly { pointer: string; message: string }[] }

export interface ConfigVersion {
  readonly number: number
  /** ISO 8601. */
  readonly at: string
  readonly by: string
  readonly action: string
  readonly live: boolean
}

export interface AuditEntry {
  readonly at: string
  readonly by: string
  readonly action: string
  readonly outcome: string
  readonly version: number | null
}

/** How it stands with the look-up of an upstream's endpoints. */
export interface DiscoveryState {
  readonly upstream: string
  /** null: they are the same for all tenants. */
  readonly tenant: string | null
  readonly source: 'consul' | 'dns'
  /** What is looked up: a service or a DNS name. */
  readonly name: string
  /** Of the last attempt. empty and failed: the last good endpoints stay, unless `onEmpty` says otherwise. */
  readonly state: 'waiting' | 'found' | 'empty' | 'failed'
  readonly error: string | null
  /** ISO 8601; when endpoints were found last in this process. */
  readonly foundAt: string | null
}

export interface ConsulStatus {
  readonly url: string
  /** null: not asked yet. */
  readonly up: boolean | null
  readonly error: string | null
  /** ISO 8601; since when it is up or down. */
  readonly since: string | null
}

export interface GatewayStatus {
  /** Config version that all workers run. */
  readonly version: number
  readonly startedAt: string
  readonly uptimeSeconds: number
  /** Of the main thread. */
  readonly handles: HandleCounts
  readonly workers: readonly WorkerStatus[]
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  readonly config: {
    /** Where routes.json and plugins.json are. */
    readonly source: 'files' | { readonly consulKv: string }
    readonly lastReloadOk: boolean
    readonly lastReloadAt: string | null
    /** Why the files on disk are not what runs; empty when they are. */
    readonly problems: readonly ConfigProblem[]
    readonly warnings: readonly string[]
    /** True when gateway.json on disk differs from what runs. */
    readonly restartNeeded: boolean
    /** True when the running config came from the last good copy because the files were bad at start. */
    readonly fromLastGood: boolean
  }
  readonly state: {
    /** Down when any connection of this process is. */
    readonly redis: StoreStatus | 'not configured'
    readonly consul: ConsulStatus | 'not configured'
  }
}

export interface ControlApi {
  readonly admin: AdminConfig
  /** The files of the live version. */
  files(): ConfigFiles
  version(): number
  /**
   * Reads the files from disk, applies `change`, validates, publishes to all workers, writes (temp, fsync, rename).
   * Edits are serialised: `change` sees the newest files, so that it can compare an If-Match there. What it throws is
   * rethrown and nothing is changed. Resolves once all workers run the new version.
   */
  edit(change: (files: ConfigFiles) => ConfigFiles, options: EditOptions): Promise<EditOutcome>
  /** Validates without compiling or changing anything; missing files are taken from the live version. */
  validate(
    candidate: Partial<ConfigFiles>,
  ): Promise<{ problems: readonly ConfigProblem[]; warnings: readonly string[] }>
  /** JSON Schemas of the three files and, by name, of every plugin's config. */
  schemas(): {
    readonly files: Readonly<Record<keyof ConfigFiles, object>>
    readonly plugins: Readonly<Record<string, object>>
  }
  versions(): readonly ConfigVersion[]
  versionFiles(number: number): ConfigFiles | null
  /** Makes routes and plugins of that version the newest ones. gateway.json is not touched. */
  rollback(number: number, options: EditOptions): Promise<EditOutcome>
  /** Reads the files again now. */
  reload(by: string): Promise<EditOutcome>

  health(): readonly TargetHealth[]
  /** Of upstreams whose endpoints are looked up. */
  discovery(): readonly DiscoveryState[]
  /** Asks every instance of a plugin in every worker; one value per instance and worker. */
  askPlugin(
    plugin: string,
    operation: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<readonly unknown[]>
  /**
   * Puts `purge` to every instance of a plugin in every worker, and `forget` in those of all gateways with the same Redis.
   * Rejects with a GatewayError when somebody may not have heard.
   */
  purge(plugin: string, args: Readonly<Record<string, unknown>>): Promise<readonly unknown[]>
  /**
   * Asks one instance of a plugin in one worker: of the live config, or (with `config`, in the form of plugins.json) one
   * that is made for this and that no request of a client meets.
   */
  tryPlugin(
    plugin: string,
    config: JsonObject | null,
    operation: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<TrialOutcome>
  revocations(): readonly Revocation[]
  /** Felt by every worker when it resolves. */
  revoke(entry: Omit<Revocation, 'id'>, by: string): Promise<Revocation>
  unrevoke(id: string, by: string): Promise<boolean>

  status(): Promise<GatewayStatus>
  /** Prometheus text format 0.0.4, merged over workers. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Oldest first. */
  audit(): readonly AuditEntry[]
  /** Adds an entry for what is not an edit (cache purges, limit resets). */
  record(entry: Omit<AuditEntry, 'at'>): void
  /** Log lines as they are written; the returned function ends the subscription. */
  followLogs(onLine: (line: string) => void): () => void
  recentLogs(): readonly string[]
}
