// Keeps the last good config and its numbered versions on disk, with placeholders unfilled, so that no secret of the
// environment lands there. Trouble with the disk is a warning: the gateway goes on without a history. Main thread.
import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigFiles, ConfigVersion } from '../gateway/contract/control-api.ts'
import { writeAtomically } from './atomic-file.ts'

export interface HistoryOptions {
  readonly stateDir: string
  /** Versions kept; default 50. */
  readonly keep?: number
  /** After a write that failed, the next attempt; default 1,000. */
  readonly retryMs?: number
  /** Unix time in ms; for tests. */
  readonly wallMs?: () => number
}

export interface NewVersion {
  /** Name of the admin token, or such as `file` or `start`. */
  readonly by: string
  readonly action: string
}

export type PastVersion = Omit<ConfigVersion, 'live'>

export interface History {
  /** The files of the newest good config of this or an earlier process; null when there is none. */
  lastGood(): ConfigFiles | null
  /**
   * Makes `files` the last good config and a new version, unless they equal the newest one. Resolves with its number
   * when it is on disk or has failed to get there, which is tried again by itself; never rejects.
   */
  record(files: ConfigFiles, version: NewVersion): Promise<number>
  /** Newest first. */
  list(): readonly PastVersion[]
  /** Number of what this process recorded last; null before. */
  liveNumber(): number | null
  /** null: no such version, or its file is damaged. */
  get(number: number): ConfigFiles | null
  /** Damaged state files found at start, and why the last write failed, if it did. */
  warnings(): readonly string[]
}

interface Head {
  readonly number: number
  readonly at: string
  readonly by: string
  readonly action: string
  /** SHA-256 of the second line, the files. */
  readonly sha256: string
}

interface State {
  readonly folder: string
  readonly keep: number
  /** Oldest first. */
  heads: Head[]
  /** Files of versions that could not be written. */
  readonly unsaved: Map<number, ConfigFiles>
  readonly damage: string[]
  writeFailure: string | null
  lastGood: ConfigFiles | null
  live: number | null
}

const secretFile = { mode: 0o600 }
const lastGoodName = 'last-good.json'

export function createHistory(options: HistoryOptions): History {
  const state = readState(options)
  const wallMs = options.wallMs ?? Date.now
  let writing: Promise<unknown> = Promise.resolve()
  let retry: NodeJS.Timeout | undefined
  const write = (): Promise<unknown> => {
    clearTimeout(retry)
    writing = writing
      .then(() => save(state))
      .then(() => {
        if (state.writeFailure !== null) retry = setTimeout(write, options.retryMs ?? 1_000).unref()
      })
    return writing
  }
  return {
    lastGood: () => state.lastGood,
    record(files, version) {
      const head = nextHead(state, files, { ...version, at: new Date(wallMs()).toISOString() })
      state.lastGood = files
      state.live = head.number
      return write().then(() => head.number)
    },
    list: () => state.heads.map(({ number, at, by, action }) => ({ number, at, by, action })).reverse(),
    liveNumber: () => state.live,
    get: (number) => state.unsaved.get(number) ?? readVersion(state, number),
    warnings: () => (state.writeFailure === null ? [...state.damage] : [...state.damage, state.writeFailure]),
  }
}

function readState({ stateDir, keep }: HistoryOptions): State {
  const state: State = {
    folder: stateDir,
    keep: keep ?? 50,
    heads: [],
    unsaved: new Map(),
    damage: [],
    writeFailure: null,
    lastGood: null,
    live: null,
  }
  state.lastGood = readLastGood(state)
  for (const name of listVersions(state)) {
    const head = readHead(join(versionsFolder(state), name))
    if (head === null || name !== `${head.number}.jsonl`) noteDamage(state, `versions/${name}`)
    else state.heads.push(head)
  }
  state.heads.sort((a, b) => a.number - b.number)
  return state
}

function versionsFolder(state: State): string {
  return join(state.folder, 'versions')
}

function listVersions(state: State): string[] {
  try {
    return readdirSync(versionsFolder(state)).filter((name) => /^\d{1,15}\.jsonl$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') noteDamage(state, 'versions')
    return []
  }
}

function noteDamage(state: State, name: string): void {
  if (state.damage.length < 20) {
    state.damage.push(`${join(state.folder, name)} is damaged or cannot be read; it is ignored.`)
  }
}

function readLastGood(state: State): ConfigFiles | null {
  let text: string
  try {
    text = readFileSync(join(state.folder, lastGoodName), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') noteDamage(state, lastGoodName)
    return null
  }
  const files = parseFiles(text)
  if (files === null) noteDamage(state, lastGoodName)
  return files
}

function parseFiles(text: string): ConfigFiles | null {
  const value = parseJson(text) as Partial<ConfigFiles> | null | undefined
  return isObject(value) && isObject(value.gateway) && isObject(value.routes) && isObject(value.plugins)
    ? { gateway: value.gateway, routes: value.routes, plugins: value.plugins }
    : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const longestHead = 4096

/** Reads only the first line: the files of fifty large versions need not be in memory. */
function readHead(path: string): Head | null {
  try {
    const buffer = Buffer.alloc(longestHead)
    const handle = openSync(path, 'r')
    let read: number
    try {
      read = readSync(handle, buffer, 0, longestHead, 0)
    } finally {
      closeSync(handle)
    }
    const end = buffer.subarray(0, read).indexOf(10)
    return end < 0 ? null : parseHead(buffer.toString('utf8', 0, end))
  } catch {
    return null
  }
}

function parseHead(line: string): Head | null {
  const head = parseJson(line) as Partial<Head> | undefined
  if (!isObject(head) || !Number.isSafeInteger(head.number)) return null
  const { number, at, by, action, sha256 } = head as Record<string, unknown>
  const texts = [at, by, action, sha256]
  if (!texts.every((text) => typeof text === 'string')) return null
  return { number, at, by, action, sha256 } as Head
}

function readVersion(state: State, number: number): ConfigFiles | null {
  const head = state.heads.find((one) => one.number === number)
  if (head === undefined) return null
  try {
    const text = readFileSync(join(versionsFolder(state), `${number}.jsonl`), 'utf8')
    const content = text.slice(text.indexOf('\n') + 1).trimEnd()
    return sha256Of(content) === head.sha256 ? parseFiles(content) : null
  } catch {
    return null
  }
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function toText({ gateway, routes, plugins }: ConfigFiles): string {
  return JSON.stringify({ gateway, routes, plugins })
}

/** The newest head again when nothing has changed since; a restart is no new version. */
function nextHead(state: State, files: ConfigFiles, version: NewVersion & { readonly at: string }): Head {
  const sha256 = sha256Of(toText(files))
  const newest = state.heads.at(-1)
  if (newest?.sha256 === sha256) return newest
  const { at, by, action } = version
  const short = (text: string) => text.slice(0, 500)
  const head: Head = { number: (newest?.number ?? 0) + 1, at, by: short(by), action: short(action), sha256 }
  state.heads.push(head)
  state.unsaved.set(head.number, files)
  return head
}

/** Everything that is not on disk yet. */
async function save(state: State): Promise<void> {
  const dropped = state.heads.slice(0, Math.max(0, state.heads.length - state.keep))
  state.heads = state.heads.slice(dropped.length)
  for (const old of dropped) state.unsaved.delete(old.number)
  try {
    await mkdir(versionsFolder(state), { recursive: true, mode: 0o700 })
    if (state.lastGood !== null)
      await writeAtomically(join(state.folder, lastGoodName), `${toText(state.lastGood)}\n`, secretFile)
    for (const head of state.heads) {
      const files = state.unsaved.get(head.number)
      if (files === undefined) continue
      const text = `${JSON.stringify(head)}\n${toText(files)}\n`
      await writeAtomically(join(versionsFolder(state), `${head.number}.jsonl`), text, secretFile)
      state.unsaved.delete(head.number)
    }
    for (const old of dropped) await rm(join(versionsFolder(state), `${old.number}.jsonl`), { force: true })
    state.writeFailure = null
  } catch (error) {
    state.writeFailure = `The last good config cannot be kept in ${state.folder}: ${(error as Error).message}. After a restart with bad config files there would be nothing to fall back on; set "stateDir" to a writable directory.`
  }
}
