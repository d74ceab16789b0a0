// The config that runs: loaded, edited, reloaded, always all or nothing, one change at a time. Main thread;
// made by main.ts, asked by control-api.ts and by the file watcher.

import type { Environment } from '../../config/env.ts'
import type { History } from '../../config/history.ts'
import {
  type BuildResult,
  buildPluginEntry,
  buildSnapshot,
  type EntryResult,
  type ReadResult,
} from '../../config/load.ts'
import { createFileChecks, type FileChecks } from '../../config/plugin-file-checks.ts'
import { loadPluginModules } from '../../config/plugin-modules.ts'
import { createValidatorCache, type ValidatorCache } from '../../config/validate.ts'
import type { ConfigFiles, EditOptions, EditOutcome, JsonObject } from '../contract/control-api.ts'
import { ConfigError, type ConfigProblem } from '../contract/errors.ts'
import type { PluginDefinition } from '../contract/plugin.ts'
import type { Logger } from '../contract/ports.ts'
import type { Snapshot } from '../contract/snapshot.ts'
import { type ConfigStore, LostRace } from './config-store.ts'
import type { Publisher } from './publisher.ts'
import type { WorkerHandle } from './supervisor.ts'

export interface LiveConfigParts {
  readonly environment: Environment
  readonly definitions: ReadonlyMap<string, PluginDefinition>
  readonly store: ConfigStore
  readonly history: History
  readonly publisher: Publisher
  readonly workers: () => readonly WorkerHandle[]
  /** After every change of what runs. */
  readonly onLive: (snapshot: Snapshot, files: ConfigFiles, looked: readonly string[]) => void
  /** A config was refused: a change of these files may make it good. */
  readonly onRefused: (looked: readonly string[]) => void
  /** The files are about to be read again. */
  readonly onReading: () => void
  /** After every attempt to read or change the config. */
  readonly onAttempt: (ok: boolean) => void
  /** Asked only once a config was loaded, for it says where the log goes. */
  readonly log: () => Logger
}

/** What the files on disk are, beside what runs. */
export interface ConfigState {
  readonly lastReloadOk: boolean
  readonly lastReloadAt: string | null
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly string[]
  readonly restartNeeded: boolean
  readonly fromLastGood: boolean
}

export interface LiveConfig {
  /** Reads the files, or the last good copy when they are bad. Throws ConfigError when neither can be used. */
  load(): Promise<Snapshot>
  /** Publishes what `load` gave; falls back to the last good copy when a worker refuses it. */
  begin(): Promise<void>
  files(): ConfigFiles
  version(): number
  state(): ConfigState
  validate(
    candidate: Partial<ConfigFiles>,
  ): Promise<{ problems: readonly ConfigProblem[]; warnings: readonly string[] }>
  /** Validates one entry of plugins.json by itself. */
  buildEntry(entry: JsonObject): EntryResult
  edit(change: (files: ConfigFiles) => ConfigFiles, options: EditOptions): Promise<EditOutcome>
  reload(by: string): Promise<EditOutcome>
  /** Runs `job` while no change of the config is under way. */
  exclusively<T>(job: () => Promise<T>): Promise<T>
}

interface Candidate {
  readonly files: ConfigFiles
  readonly snapshot: Omit<Snapshot, 'version'>
  readonly warnings: readonly string[]
  /** Paths that plugins looked at. */
  readonly looked: readonly string[]
}

/** Who made a version, and how. */
interface Origin {
  readonly by: string
  readonly action: string
}

/** Each time another gateway got a write through, so that so many in a row mean that something writes without end. */
const mostLostRaces = 20

const lostRaces: EditOutcome = {
  ok: false,
  kind: 'conflict',
  problems: [
    { file: 'routes.json', pointer: '', message: 'Others keep changing the config; this edit was given up.' },
  ],
}

export function createLiveConfig(parts: LiveConfigParts): LiveConfig {
  return new Live(parts)
}

class Live implements LiveConfig {
  readonly #parts: LiveConfigParts
  #current: (Candidate & { readonly version: number }) | null = null
  #candidate: Candidate | null = null
  /** What the files of the start asked for, when they could not be used. */
  #missed: readonly string[] = []
  readonly #validators = createValidatorCache()
  readonly #fileChecks = createFileChecks()
  /** Held until the first config is live: an edit of a file during the start waits for its turn. */
  readonly #begun = Promise.withResolvers<void>()
  #queue: Promise<unknown> = this.#begun.promise
  #state: ConfigState = {
    lastReloadOk: true,
    lastReloadAt: null,
    problems: [],
    warnings: [],
    restartNeeded: false,
    fromLastGood: false,
  }

  constructor(parts: LiveConfigParts) {
    this.#parts = parts
  }

  async load(): Promise<Snapshot> {
    const { files, problems } = await this.#parts.store.read()
    const built = await this.#build(files, problems)
    if (built.ok) this.#candidate = toCandidate(files, built)
    else {
      this.#missed = built.looked
      this.#note(false, { problems: built.problems })
      this.#candidate = await this.#lastGood(built.problems)
    }
    return { ...this.#candidate.snapshot, version: 0 }
  }

  async begin(): Promise<void> {
    await this.#publishFirst()
    this.#begun.resolve()
  }

  async #publishFirst(): Promise<void> {
    const candidate = this.#candidate as Candidate
    const action = this.#state.fromLastGood ? 'start with the last good copy' : 'start'
    const refused = await this.#publish(candidate, { by: 'gateway', action }, async () => {})
    if (refused === null) {
      if (!this.#state.fromLastGood) this.#note(true, { warnings: candidate.warnings })
      return
    }
    const problems = refused.map((message) => ({ file: 'plugins.json' as const, pointer: '', message }))
    this.#note(false, { problems })
    const fallback = await this.#lastGood(problems)
    const origin = { by: 'gateway', action: 'start with the last good copy' }
    if ((await this.#publish(fallback, origin, async () => {})) !== null) throw new ConfigError(problems)
  }

  files(): ConfigFiles {
    return this.#live().files
  }

  version(): number {
    return this.#current?.version ?? 0
  }

  state(): ConfigState {
    return this.#state
  }

  async validate(candidate: Partial<ConfigFiles>) {
    const built = await this.#build({ ...this.files(), ...candidate }, [])
    return built.ok ? { problems: [], warnings: built.warnings } : { problems: built.problems, warnings: [] }
  }

  buildEntry(entry: JsonObject): EntryResult {
    const { environment, definitions } = this.#parts
    return buildPluginEntry(entry, {
      ...environment,
      definitions,
      validators: this.#validators,
      fileChecks: this.#fileChecks,
    })
  }

  edit(change: (files: ConfigFiles) => ConfigFiles, options: EditOptions): Promise<EditOutcome> {
    return this.exclusively(async () => {
      for (let lost = 0; ; lost++) {
        try {
          return await this.#editOnce(change, options)
        } catch (error) {
          // Nothing was changed, and `change` sees what the other one wrote: an If-Match is compared anew.
          if (!(error instanceof LostRace)) throw error
          if (lost === mostLostRaces) return lostRaces
        }
      }
    })
  }

  async #editOnce(change: (files: ConfigFiles) => ConfigFiles, options: EditOptions): Promise<EditOutcome> {
    const { store } = this.#parts
    const stored = await store.read()
    if (stored.problems.length > 0) return { ok: false, kind: 'conflict', problems: stored.problems }
    const files = change(stored.files)
    const built = await this.#build(files, [])
    if (!built.ok) return { ok: false, kind: 'invalid', problems: built.problems }
    const write = () => store.write(stored, changedFiles(stored.files, files))
    return this.#apply(toCandidate(files, built), options, options.dryRun ? null : write)
  }

  reload(by: string): Promise<EditOutcome> {
    return this.exclusively(async () => {
      this.#parts.onReading()
      const { files, problems } = await this.#parts.store.read()
      const built = await this.#build(files, problems)
      if (!built.ok) {
        this.#note(false, { problems: built.problems })
        this.#parts.onRefused(built.looked)
        this.#parts
          .log()
          .error(
            { problems: built.problems, by },
            'the config on disk was refused; the last good one stays live',
          )
        return { ok: false, kind: 'invalid', problems: built.problems }
      }
      const candidate = toCandidate(files, built)
      const outcome = await this.#apply(candidate, { by, action: 'reload' }, async () => {})
      if (!outcome.ok) {
        this.#parts.onRefused(candidate.looked)
        this.#parts
          .log()
          .error(
            { problems: outcome.problems, by },
            'a worker refused the config; the last good one stays live',
          )
      }
      return outcome
    })
  }

  exclusively<T>(job: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(job)
    this.#queue = run.catch(() => {})
    return run
  }

  /** `write` null: let the workers compile it, then change nothing. */
  async #apply(
    candidate: Candidate,
    origin: Origin,
    write: (() => Promise<void>) | null,
  ): Promise<EditOutcome> {
    const live = this.#live()
    // gateway.json is static: what runs of it stays what the process was started with.
    const restartNeeded = JSON.stringify(candidate.snapshot.gateway) !== JSON.stringify(live.snapshot.gateway)
    const next = { ...candidate, snapshot: { ...candidate.snapshot, gateway: live.snapshot.gateway } }
    const { files, warnings } = candidate
    if (write === null) {
      const refused = await this.#parts.publisher.publish(
        { ...next.snapshot, version: -1 },
        this.#parts.workers(),
        null,
      )
      return refused === null ? { ok: true, version: live.version, files, warnings } : refusal(refused)
    }
    const refused = sameConfig(next, live)
      ? await write().then(() => null)
      : await this.#publish(next, origin, write)
    if (refused !== null) {
      const outcome = refusal(refused)
      this.#note(false, { problems: outcome.problems })
      return outcome
    }
    this.#current = { ...this.#live(), files }
    this.#note(true, { warnings, restartNeeded })
    return { ok: true, version: this.version(), files, warnings }
  }

  async #publish(
    candidate: Candidate,
    origin: Origin,
    write: () => Promise<void>,
  ): Promise<readonly string[] | null> {
    const { publisher, workers, history, onLive } = this.#parts
    const version = this.#nextVersion(candidate.files)
    const snapshot = { ...candidate.snapshot, version }
    const refused = await publisher.publish(snapshot, workers(), write)
    if (refused !== null) return refused
    this.#current = { ...candidate, version }
    await history.record(candidate.files, { by: origin.by, action: origin.action })
    onLive(snapshot, candidate.files, [...candidate.looked, ...this.#missed])
    this.#missed = []
    this.#parts.log().info({ version, by: origin.by, action: origin.action }, 'a config went live')
    return null
  }

  /** The number that the history will give: a restart on unchanged files is no new version. */
  #nextVersion(files: ConfigFiles): number {
    const { history } = this.#parts
    const newest = history.list()[0]
    if (newest === undefined) return 1
    const same = JSON.stringify(history.get(newest.number)) === JSON.stringify(files)
    return same ? newest.number : newest.number + 1
  }

  #build(files: ConfigFiles, problems: readonly ConfigProblem[]): Promise<BuildResult> {
    return buildFiles({ files, problems }, this.#parts.environment, this.#parts.definitions, {
      validators: this.#validators,
      fileChecks: this.#fileChecks,
    })
  }

  async #lastGood(problems: readonly ConfigProblem[]): Promise<Candidate> {
    const files = this.#parts.history.lastGood()
    const built = files === null ? null : await this.#build(files, [])
    if (files === null || built === null || !built.ok) throw new ConfigError(problems)
    this.#state = { ...this.#state, fromLastGood: true }
    return toCandidate(files, built)
  }

  #live(): Candidate & { readonly version: number } {
    if (this.#current === null) throw new Error('no config is live yet')
    return this.#current
  }

  #note(ok: boolean, change: Partial<ConfigState>): void {
    const cleared = ok ? { problems: [], fromLastGood: false } : {}
    this.#state = {
      ...this.#state,
      ...cleared,
      lastReloadOk: ok,
      lastReloadAt: new Date().toISOString(),
      ...change,
    }
    this.#parts.onAttempt(ok)
  }
}

function toCandidate(
  files: ConfigFiles,
  { snapshot, warnings, looked }: BuildResult & { ok: true },
): Candidate {
  return { files, snapshot, warnings, looked }
}

/** From files to a snapshot, operators' modules included. */
export async function buildFiles(
  { files, problems }: ReadResult,
  { configDir, variables, overrides }: Environment,
  definitions: ReadonlyMap<string, PluginDefinition>,
  kept: { validators?: ValidatorCache; fileChecks?: FileChecks } = {},
): Promise<BuildResult> {
  const modules = await loadPluginModules(files.plugins, configDir)
  return buildSnapshot(files, {
    configDir,
    variables,
    overrides,
    definitions,
    modules,
    ...kept,
    known: problems,
  })
}

function refusal(reasons: readonly string[]): EditOutcome & { readonly ok: false } {
  const problems = reasons.map((message) => ({ file: 'plugins.json' as const, pointer: '', message }))
  return { ok: false, kind: 'refused-by-worker', problems }
}

function changedFiles(before: ConfigFiles, after: ConfigFiles): Partial<ConfigFiles> {
  const changed: { -readonly [K in keyof ConfigFiles]?: ConfigFiles[K] } = {}
  for (const name of ['gateway', 'routes', 'plugins'] as const) {
    if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) changed[name] = after[name]
  }
  return changed
}

/** Placeholders may resolve to something new while the files are the same, so it is the snapshots that count. */
function sameConfig(a: Candidate, b: Candidate & { readonly version: number }): boolean {
  return JSON.stringify({ ...a.snapshot, version: 0 }) === JSON.stringify({ ...b.snapshot, version: 0 })
}
