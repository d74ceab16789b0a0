// Which upstream of a weighted split a request goes to. Worker thread; compiled by runtime.ts, one per route.
import type { RouteConfig } from '../contract/snapshot.ts'
import { type Caller, createCallerKey } from './upstream/caller.ts'
import { hashText, scoreOf } from './upstream/stable-hash.ts'

export interface SplitPart<T> {
  readonly name: string
  readonly weight: number
  readonly upstream: T
}

export type Split<T> = (caller: Caller) => T

/** `parts` is not empty. */
export function createSplit<T>(
  parts: readonly SplitPart<T>[],
  sticky: RouteConfig['sticky'],
  random: () => number,
): Split<T> {
  const only = (parts[0] as SplitPart<T>).upstream
  if (parts.length === 1) return () => only
  return sticky === null ? createDraw(parts, random) : createSticky(parts, sticky)
}

function createDraw<T>(parts: readonly SplitPart<T>[], random: () => number): Split<T> {
  const total = parts.reduce((sum, part) => sum + part.weight, 0)
  return () => {
    let at = random() * total
    for (const part of parts) {
      at -= part.weight
      if (at < 0) return part.upstream
    }
    return (parts[0] as SplitPart<T>).upstream
  }
}

/**
 * By the names of the upstreams alone: all routes, workers and gateways that split between the same ones agree, and
 * when weights go from 90/10 to 80/20, one in ten moves and nobody moves back.
 */
function createSticky<T>(parts: readonly SplitPart<T>[], sticky: 'tenant' | 'user'): Split<T> {
  const keyOf = createCallerKey(sticky)
  const hashed = parts.map((part) => ({ ...part, hash: hashText(part.name) }))
  return (caller) => {
    const key = hashText(keyOf(caller))
    let best = hashed[0] as (typeof hashed)[number]
    let bestScore = Number.NEGATIVE_INFINITY
    for (const part of hashed) {
      const score = scoreOf(key, part.hash, part.weight)
      if (score <= bestScore) continue
      best = part
      bestScore = score
    }
    return best.upstream
  }
}
