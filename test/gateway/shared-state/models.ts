// Naive exact models of the algorithms: whole-number arithmetic and full logs, nothing clever. Times are whole ms.
import type { Limit } from '../../../gateway/shared-state/algorithms.ts'

export interface Model {
  /** Whether the cost may pass now; what passes is taken. 'either' is an answer that the error bound leaves open. */
  take(nowMs: number, cost: number): boolean | 'either'
  /** Tells the model what the store did where it was left open. */
  took(nowMs: number, cost: number): void
}

export function modelOf(limit: Limit): Model {
  if (limit.algorithm === 'fixed-window') return fixedWindowModel(limit)
  if (limit.algorithm === 'sliding-window') return slidingLogModel(limit)
  return bucketModel(limit)
}

function fixedWindowModel(limit: Limit): Model {
  let openedMs = Number.NEGATIVE_INFINITY
  let count = 0
  return {
    take(nowMs, cost) {
      if (nowMs - openedMs >= limit.windowMs) {
        openedMs = nowMs
        count = 0
      }
      if (count + cost > limit.limit) return false
      count += cost
      return true
    },
    took: () => {},
  }
}

/** A full log. Exact answers where the store's log and the bound (an eighth of a window) leave no room. */
function slidingLogModel(limit: Limit): Model {
  const log: { atMs: number; cost: number }[] = []
  const unitsSince = (ms: number) => log.reduce((sum, one) => (one.atMs > ms ? sum + one.cost : sum), 0)
  return {
    take(nowMs, cost) {
      if (unitsSince(nowMs - limit.windowMs) + cost > limit.limit) return false
      if (unitsSince(nowMs - limit.windowMs * 1.125) + cost > limit.limit) return 'either'
      log.push({ atMs: nowMs, cost })
      return true
    },
    took: (atMs, cost) => void log.push({ atMs, cost }),
  }
}

/** Levels in units times windowMs, so that `limit` of them leak each ms: no fractions. */
function bucketModel(limit: Limit): Model {
  const scale = BigInt(limit.windowMs)
  const depth = BigInt(limit.burst > 0 ? limit.burst : limit.limit) * scale
  let level = 0n
  let lastMs = 0
  return {
    take(nowMs, cost) {
      level -= BigInt(nowMs - lastMs) * BigInt(limit.limit)
      if (level < 0n) level = 0n
      lastMs = nowMs
      if (level + BigInt(cost) * scale > depth) return false
      level += BigInt(cost) * scale
      return true
    },
    took: () => {},
  }
}

/** A small seeded generator (xorshift32), so that a failing run can be run again. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
