// The level of decisions that all gateways share, over ports.sharedCache. It may be away, slow, or hold what another
// worker has not purged yet: nothing here rejects, and nothing older than this worker's last purge is believed.
import type { Clock, Logger, SharedCache } from '../../gateway/contract/ports.ts'
import { isPermissions } from './authorize.ts'
import { withDeadline } from './deadline.ts'
import { type Keys, type Question, toPart } from './question.ts'
import type { Finding } from './worker-cache.ts'

/** Whose entries a purge is about; what is not said is any. */
export interface PurgeScope {
  readonly tenant?: string
  readonly user?: string
  readonly role?: string
}

/** What is known, and what `write` wants of the moment before the question is asked. */
export interface Reading {
  /** null: nothing fresh. */
  readonly finding: Finding | null
  readonly seal: string
}

export interface SharedLevel {
  /** null: it cannot be asked, or must not be. */
  read(question: Question, keys: Keys): Promise<Reading | null>
  /** `askedWallMs`: Unix time at which the question went to the upstream. */
  write(
    question: Question,
    keys: Keys,
    finding: Finding,
    asked: { readonly wallMs: number; readonly seal: string },
  ): void
  purge(scope: PurgeScope): Promise<void>
  /** What another gateway has purged: nothing asked up to now is believed. */
  distrust(): void
}

export interface SharedLevelOptions {
  readonly cache: SharedCache
  readonly clock: Clock
  readonly log: Logger
  /** The plugin's instance: two instances may ask different questions. */
  readonly id: string
  readonly maxTtlMs: number
}

/** Longer than the cache's own bound, so that this one only ends what hangs. */
const readTimeoutMs = 250

interface Kept {
  readonly content: unknown
  readonly askedMs: number
  readonly untilMs: number
}

export function createSharedLevel({ cache, clock, log, id, maxTtlMs }: SharedLevelOptions): SharedLevel {
  let purgedAtWallMs = Number.NEGATIVE_INFINITY
  const scopeOf = ({ tenant, user }: Question) => [id, toPart(tenant), user]

  /** Times are kept as Unix times and counted here on the monotonic clock. */
  function toKept(text: string | null | undefined): Kept | null {
    const kept = text == null ? null : parseKept(text)
    if (kept === null || kept.askedWallMs <= purgedAtWallMs) return null
    const now = clock.monotonicMs()
    const wall = clock.wallMs()
    const leftMs = Math.min(kept.untilWallMs - wall, maxTtlMs)
    if (leftMs <= 0) return null
    return {
      content: kept.content,
      askedMs: now + Math.min(0, kept.askedWallMs - wall),
      untilMs: now + leftMs,
    }
  }

  async function read(question: Question, keys: Keys): Promise<Reading | null> {
    // Stores keep UTF-8, where two different broken texts become the same: these stay in the worker.
    if (!keys.decision.isWellFormed()) return { finding: null, seal: '' }
    try {
      const reading = cache.read(scopeOf(question), [keys.decision, keys.subject])
      const { values, seal } = await withDeadline(reading, readTimeoutMs, clock)
      return { finding: toFinding(toKept(values[0]), toKept(values[1])), seal }
    } catch (error) {
      log.debug({ reason: (error as Error).message }, 'the shared level of decisions could not be read')
      return null
    }
  }

  return {
    read,
    write(question, keys, { decision, granted }, { wallMs, seal }) {
      if (!keys.decision.isWellFormed()) return
      const writeOne = (name: string, content: unknown, untilMs: number): void => {
        const ttlMs = untilMs - clock.monotonicMs()
        if (ttlMs <= 0) return
        const value = JSON.stringify({ content, askedWallMs: wallMs, untilWallMs: clock.wallMs() + ttlMs })
        cache.write(scopeOf(question), name, value, { seal, ttlMs }).catch((error: Error) => {
          log.debug({ reason: error.message }, 'a decision could not be written to the shared level')
        })
      }
      if (decision !== null) writeOne(keys.decision, decision.allowed, decision.untilMs)
      if (granted !== null) writeOne(keys.subject, granted.permissions, granted.untilMs)
    },
    async purge({ tenant, user }) {
      purgedAtWallMs = clock.wallMs()
      // What is no beginning of the scopes' names is dropped with more than was asked.
      if (tenant === undefined) return cache.purge([id])
      await cache.purge([id, toPart(tenant), ...(user === undefined ? [] : [user])])
    },
    distrust() {
      purgedAtWallMs = clock.wallMs()
    },
  }
}

function toFinding(decision: Kept | null, granted: Kept | null): Finding | null {
  const allowed = decision?.content
  const permissions = granted?.content
  const finding: Finding = {
    decision: decision !== null && typeof allowed === 'boolean' ? { ...timesOf(decision), allowed } : null,
    granted: granted !== null && isPermissions(permissions) ? { ...timesOf(granted), permissions } : null,
  }
  return finding.decision === null && finding.granted === null ? null : finding
}

function timesOf({ askedMs, untilMs }: Kept) {
  return { askedMs, untilMs }
}

function parseKept(text: string): { content: unknown; askedWallMs: number; untilWallMs: number } | null {
  try {
    const { content, askedWallMs, untilWallMs } = JSON.parse(text)
    const timed = Number.isFinite(askedWallMs) && Number.isFinite(untilWallMs)
    return timed ? { content, askedWallMs, untilWallMs } : null
  } catch {
    return null
  }
}
