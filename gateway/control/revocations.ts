// Revoked tokens, sessions and users: checked, bounded, kept on disk over restarts. Main thread; called by the control API,
// which passes the list on to every worker.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../contract/errors.ts'
import type { Clock } from '../contract/ports.ts'
import type { Revocation } from '../contract/protocol.ts'

export interface RevocationStore {
  /** Those that still count. */
  list(): readonly Revocation[]
  /**
   * Resolves once the entry is on disk. The same subject again extends its entry. Rejects with a GatewayError:
   * 400 for a bad entry, 507 when the store is full, 503 when the disk refuses; nothing is changed then.
   */
  add(entry: Omit<Revocation, 'id'>): Promise<Revocation>
  /** false: there is no such entry. */
  remove(id: string): Promise<boolean>
  /**
   * Takes over what others decided: counts at once, resolves once it is on disk, rejects when the disk refuses. `step` is
   * applied again to what a change under way makes of the list.
   */
  adopt(step: (live: readonly Revocation[]) => readonly Revocation[]): Promise<void>
  /** Resolves once everything is on disk. */
  stop(): Promise<void>
}

export interface RevocationStoreOptions {
  readonly stateDir: string
  readonly clock: Pick<Clock, 'wallMs'>
  /** Entries kept at most. */
  readonly limit: number
}

const fileName = 'revocations.json'
const kinds: readonly unknown[] = ['token', 'session', 'user']
const maxSubjectLength = 1024

/** Throws when the file of an earlier run cannot be read: starting without it would make revoked tokens valid again. */
export function createRevocationStore({ stateDir, clock, limit }: RevocationStoreOptions): RevocationStore {
  const path = join(stateDir, fileName)
  let entries: readonly Revocation[] = readEntries(path)
  let work: Promise<unknown> = Promise.resolve()

  const isLive = (entry: Revocation): boolean => entry.expiresAt * 1000 > clock.wallMs()
  /** One change at a time; memory follows the disk. */
  const change = <T>(
    step: (live: readonly Revocation[]) => { next: readonly Revocation[]; value: T },
  ): Promise<T> => {
    const done = work.then(async () => {
      const { next, value } = step(entries.filter(isLive))
      await writeEntries(stateDir, path, next)
      entries = next
      return value
    })
    work = done.catch(() => {})
    return done
  }

  return {
    list: () => {
      if (!entries.every(isLive)) entries = entries.filter(isLive)
      return entries
    },
    add: (entry) =>
      change((live) => {
        checkEntry(entry, clock.wallMs() / 1000)
        const known = live.find((one) => isSameSubject(one, entry))
        if (known === undefined && live.length >= limit) throw full(limit)
        const value = toRevocation(entry, known)
        return { next: [...live.filter((one) => one !== known), value], value }
      }),
    remove: (id) =>
      change((live) => {
        const next = live.filter((one) => one.id !== id)
        return { next, value: next.length < live.length }
      }),
    adopt(step) {
      entries = step(entries)
      return change((live) => ({ next: step(live), value: undefined }))
    },
    stop: () => work.then(() => {}),
  }
}

function isSameSubject(a: Omit<Revocation, 'id'>, b: Omit<Revocation, 'id'>): boolean {
  return a.kind === b.kind && a.subject === b.subject && a.tenantId === b.tenantId
}

/** Extending never shortens: what was void stays void. */
function toRevocation(entry: Omit<Revocation, 'id'>, known: Revocation | undefined): Revocation {
  const { kind, subject, tenantId } = entry
  return Object.freeze({
    id: known?.id ?? randomUUID(),
    kind,
    subject,
    tenantId,
    notBefore: Math.max(entry.notBefore, known?.notBefore ?? 0),
    expiresAt: Math.max(entry.expiresAt, known?.expiresAt ?? 0),
  })
}

function checkEntry(entry: Omit<Revocation, 'id'>, nowSeconds: number): void {
  if (!kinds.includes(entry.kind)) throw bad('kind must be "token", "session" or "user"')
  if (!isName(entry.subject)) {
    throw bad(`subject must be a jti, session id or user id of 1 to ${maxSubjectLength} characters`)
  }
  if (entry.tenantId !== null && !isName(entry.tenantId))
    throw bad('tenantId must be a tenant id, or null for all tenants')
  if (!Number.isFinite(entry.notBefore) || entry.notBefore < 0)
    throw bad('notBefore must be in seconds since 1970')
  if (!Number.isFinite(entry.expiresAt)) throw bad('expiresAt must be in seconds since 1970')
  if (entry.expiresAt <= nowSeconds) {
    throw bad('expiresAt lies in the past; give the time at which the last token of this subject ends')
  }
}

function isName(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= maxSubjectLength &&
    value.isWellFormed() &&
    !/[\u0000-\u001f\u007f]/.test(value)
  )
}

function bad(problem: string): GatewayError {
  const options = { code: 'AEGIS_REVOCATION_INVALID', source: 'config', status: 400 } as const
  return new GatewayError(`This cannot be revoked: ${problem}.`, options)
}

function full(limit: number): GatewayError {
  return new GatewayError(
    `There are ${limit} revocations already, which is the limit: remove some, or revoke users instead of single tokens.`,
    { code: 'AEGIS_REVOCATIONS_FULL', source: 'config', status: 507 },
  )
}

function readEntries(path: string): readonly Revocation[] {
  if (!existsSync(path)) return []
  try {
    const { entries } = JSON.parse(readFileSync(path, 'utf8')) as { entries: Revocation[] }
    for (const entry of entries) {
      checkEntry(entry, Number.NEGATIVE_INFINITY)
      if (typeof entry.id !== 'string') throw new Error('an entry has no id')
    }
    return entries
  } catch (cause) {
    throw new Error(
      `${path} cannot be read. Restore it, or move it away to start without revocations (revoked tokens become valid again).`,
      { cause },
    )
  }
}

/** Whole or not at all, also over a power cut: written beside, synced, renamed. */
async function writeEntries(stateDir: string, path: string, entries: readonly Revocation[]): Promise<void> {
  const beside = `${path}.new`
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    await rm(beside, { force: true })
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(JSON.stringify({ entries }))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    const folder = await open(stateDir, 'r')
    await folder.sync().finally(() => folder.close())
  } catch (cause) {
    throw new GatewayError(
      `${path} cannot be written, so nothing was changed: free some space or fix its permissions.`,
      {
        code: 'AEGIS_REVOCATIONS_UNWRITABLE',
        source: 'internal',
        status: 503,
        cause,
      },
    )
  }
}
