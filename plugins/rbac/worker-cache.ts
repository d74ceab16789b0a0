// The worker's own level of decisions: bounded, least recently used first out. Expired ones stay until they are evicted,
// for stale answers and as witnesses. Worker thread; called by decider.ts.
import { LRUCache } from 'lru-cache'
import { permitsAny } from './permission.ts'
import type { Keys, Question } from './question.ts'

interface Lifetime {
  /** When the question went to the upstream. All times here are monotonic. */
  readonly askedMs: number
  readonly untilMs: number
}

/** What an answer says, in its two halves; null where it says nothing. */
export interface Finding {
  readonly decision: ({ readonly allowed: boolean } & Lifetime) | null
  readonly granted: ({ readonly permissions: readonly string[] } & Lifetime) | null
}

/** Of a caller: either one decision (resource and action named) or all permissions of an answer (both null). */
export interface Entry extends Lifetime {
  readonly tenant: string | null
  readonly user: string
  readonly roles: readonly string[]
  readonly resource: string | null
  readonly action: string | null
  readonly allowed: boolean
  readonly permissions: readonly string[]
}

export type Known = 'allow' | 'deny' | 'stale-allow' | 'stale-deny' | 'unknown'

export interface WorkerCache {
  /** Expired entries count as stale for `graceMs` more. */
  find(question: Question, keys: Keys, now: number, graceMs: number): Known
  keep(question: Question, keys: Keys, finding: Finding, now: number): void
  /** Number of entries dropped. */
  purge(isMeant: (entry: Entry) => boolean): number
  /** Last used first. */
  list(isMeant: (entry: Entry) => boolean, limit: number): Entry[]
  readonly size: number
}

/** Average characters per entry that the bound on memory allows for. */
const charactersPerEntry = 1_024
const noPermissions: readonly string[] = Object.freeze([])

export function createWorkerCache(maxEntries: number): WorkerCache {
  const entries = new LRUCache<string, Entry>({
    max: maxEntries,
    // Ids, roles and permissions come from outside: their length is bounded too, not only their number.
    maxSize: Math.max(maxEntries, 1_024) * charactersPerEntry,
    sizeCalculation: (entry, key) =>
      key.length + entry.permissions.reduce((sum, one) => sum + one.length, 64),
  })

  /**
   * An older answer that arrives late changes nothing. One that may not be served again still ends what was kept before
   * it, and a denial stays as a witness against older lists of permissions.
   */
  function store(key: string, entry: Entry, now: number): void {
    if (entry.askedMs < (entries.peek(key)?.askedMs ?? Number.NEGATIVE_INFINITY)) return
    if (entry.untilMs > now || !entry.allowed) entries.set(key, entry)
    else entries.delete(key)
  }

  return {
    find(question, keys, now, graceMs) {
      const decision = entries.get(keys.decision)
      if (decision !== undefined && now < decision.untilMs) return decision.allowed ? 'allow' : 'deny'
      return weigh(question, decision, entries.get(keys.subject), { now, graceMs })
    },
    keep({ tenant, user, roles, resource, action }, keys, { decision, granted }, now) {
      const caller = { tenant, user, roles }
      if (decision !== null) {
        store(keys.decision, { ...caller, resource, action, ...decision, permissions: noPermissions }, now)
      }
      if (granted !== null) {
        store(keys.subject, { ...caller, resource: null, action: null, allowed: true, ...granted }, now)
      }
    },
    purge(isMeant) {
      const before = entries.size
      for (const [key, entry] of [...entries.entries()]) if (isMeant(entry)) entries.delete(key)
      return before - entries.size
    },
    list: (isMeant, limit) => entries.values().filter(isMeant).take(limit).toArray(),
    get size() {
      return entries.size
    },
  }
}

/** No decision is fresh: a list of permissions counts, unless the very thing was denied since; then what has expired. */
function weigh(
  { resource, action }: Question,
  decision: Entry | undefined,
  granted: Entry | undefined,
  { now, graceMs }: { now: number; graceMs: number },
): Known {
  const disproved =
    decision?.allowed === false && granted !== undefined && decision.askedMs >= granted.askedMs
  if (granted !== undefined && !disproved && permitsAny(granted.permissions, resource, action)) {
    if (now < granted.untilMs) return 'allow'
    if (now < granted.untilMs + graceMs) return 'stale-allow'
  }
  if (decision === undefined || now >= decision.untilMs + graceMs) return 'unknown'
  return decision.allowed ? 'stale-allow' : 'stale-deny'
}
