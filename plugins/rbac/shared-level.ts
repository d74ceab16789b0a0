// The level of decisions that all gateways share, over ports.sharedCache. It may be away, slow, or hold what another
// worker has not purged yet: nothing here rejects, and nothing older than this worker's last purge is believed.
import type { Clock, Logger, SharedCache } from '../../gateway/contract/ports.ts'
import { isPermissions } from './authorize.ts'
import { withDeadline } from './deadline.ts'
import { type Keys, toPart } from './question.ts'
import type { Finding } from './worker-cache.ts'

/** Whose entries a purge is about; what is not said is any. */
export interface PurgeScope {
  readonly tenant?: string
  readonly user?: string
  readonly role?: string
}

export interface SharedLevel {
  /** null: nothing fresh is known; 'error': it cannot be asked. */
  read(keys: Keys): Promise<Finding | 'error' | null>
  /** `askedWallMs`: Unix time at which the question went to the upstream. */
  write(keys: Keys, finding: Finding, askedWallMs: number): void
  purge(scope: PurgeScope): Promise<void>
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
  const prefix = `aegis:rbac:${toPart(id)}`
  let purgedAtWallMs = Number.NEGATIVE_INFINITY

  /** Times are kept as Unix times and counted here on the monotonic clock. */
  async function readOne(key: string): Promise<Kept | null> {
    const text = await cache.get(prefix + key)
    const kept = text === null ? null : parseKept(text)
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

  async function read(keys: Keys): Promise<Finding | 'error' | null> {
    // Stores keep UTF-8, where two different broken texts become the same: these stay in the worker.
    if (!keys.decision.isWellFormed()) return null
    try {
      const both = Promise.all([readOne(keys.decision), readOne(keys.subject)])
      const [decision, granted] = await withDeadline(both, readTimeoutMs, clock)
      return toFinding(decision, granted)
    } catch (error) {
      log.debug({ reason: (error as Error).message }, 'the shared level of decisions could not be read')
      return 'error'
    }
  }

  function writeOne(key: string, content: unknown, untilMs: number, askedWallMs: number): void {
    const leftMs = untilMs - clock.monotonicMs()
    if (leftMs <= 0) return
    const value = JSON.stringify({ content, askedWallMs, untilWallMs: clock.wallMs() + leftMs })
    cache.set(prefix + key, value, leftMs).catch((error: Error) => {
      log.debug({ reason: error.message }, 'a decision could not be written to the shared level')
    })
  }

  return {
    read,
    write(keys, { decision, granted }, askedWallMs) {
      if (!keys.decision.isWellFormed()) return
      if (decision !== null) writeOne(keys.decision, decision.allowed, decision.untilMs, askedWallMs)
      if (granted !== null) writeOne(keys.subject, granted.permissions, granted.untilMs, askedWallMs)
    },
    async purge({ tenant, user }) {
      purgedAtWallMs = clock.wallMs()
      // Keys begin with tenant and user; what cannot be said as a beginning is dropped with more than was asked.
      const byUser = user === undefined ? '' : toPart(user)
      await cache.purge(tenant === undefined ? prefix : prefix + toPart(tenant) + byUser)
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
