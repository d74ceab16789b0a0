// Local decisions, told to the other gateways every `syncMs` (`syncMs` of the rate-limit plugin). Worker thread.
//
// A request is decided by the process' own table and waits for nothing. What was let through is added to the counters in
// Redis, whose answer says what the others let through; the local counter becomes the fuller one of both. So a limit
// may be passed by what one gateway lets through until it has heard of the others: docs/decisions/redis.md derives the bound.
import type { Clock, CounterStore, LimitCheck, Logger } from '../../contract/ports.ts'
import type { LocalCounterStore } from '../counter-table.ts'
import { tagOf } from './counter-key.ts'
import type { RedisCounters } from './counters.ts'

export interface SyncedCountersOptions {
  readonly local: LocalCounterStore
  readonly redis: RedisCounters
  readonly clock: Clock
  readonly log: Logger
  readonly syncMs: number
}

interface Delta {
  readonly check: LimitCheck
  units: number
  /** Of the same key by another algorithm. */
  readonly next: Delta | undefined
}

/** More counters than this are told before their time. */
const mostDeltas = 5_000
/** Counters in one script: Redis does nothing else meanwhile. */
const mostInOneCall = 50

export function createSyncedCounters({
  local,
  redis,
  clock,
  log,
  syncMs,
}: SyncedCountersOptions): CounterStore {
  let deltas = new Map<string, Delta>()
  let waiting = false

  /** What cannot be told is dropped: told again, it might count twice, or in a window in which it never was. */
  function tell(): void {
    waiting = false
    const told = deltas
    deltas = new Map()
    for (const [, group] of Map.groupBy(listAll(told), ({ check }) => tagOf(check.key))) {
      for (let at = 0; at < group.length; at += mostInOneCall) {
        const checks = group
          .slice(at, at + mostInOneCall)
          .map(({ check, units }) => ({ ...check, cost: units }))
        redis.add(checks).then(
          (rows) => adopt(checks, rows),
          (error: Error) => log.debug({ reason: error.message }, 'counters could not be told to the others'),
        )
      }
    }
  }

  function adopt(checks: readonly LimitCheck[], rows: readonly Float64Array[]): void {
    for (const [index, check] of checks.entries()) {
      const row = rows[index]
      if (row !== undefined) local.adopt({ ...check, cost: 1 }, row)
    }
  }

  function remember(check: LimitCheck): void {
    const first = deltas.get(check.key)
    let delta = first
    while (delta !== undefined && delta.check.algorithm !== check.algorithm) delta = delta.next
    if (delta !== undefined) {
      delta.units += check.cost
      return
    }
    deltas.set(check.key, { check, units: check.cost, next: first })
    if (deltas.size >= mostDeltas) tell()
    if (waiting) return
    waiting = true
    clock.after(syncMs, tell)
  }

  return {
    take(checks) {
      const states = local.take(checks)
      for (let i = 0; i < states.length; i++) if (!states[i]?.allowed) return states
      for (let i = 0; i < checks.length; i++) remember(checks[i] as LimitCheck)
      return states
    },
    peek: (check) => local.peek(check),
    async reset(check) {
      local.reset(check)
      deltas.delete(check.key)
      await redis.reset(check)
    },
  }
}

function* listAll(deltas: ReadonlyMap<string, Delta>): Generator<Delta> {
  for (const first of deltas.values()) {
    for (let delta: Delta | undefined = first; delta !== undefined; delta = delta.next) yield delta
  }
}
