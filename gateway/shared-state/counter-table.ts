// Rate-limit counters that are exact over all threads of the process, in fixed memory. Any thread; made once by
// gateway/main.ts (the buffer) and once in every worker (the store). The Redis store fills the same interface.
//
// One `take` locks the sets of its keys, copies the rows to a private sheet, counts there, and copies back only if every
// check lets the request pass: all or nothing, whatever the algorithms are, and a refusal writes nothing.
import type { Clock, CounterStore, LimitCheck, LimitState } from '../contract/ports.ts'
import { fromAges, peek, take } from './algorithms.ts'
import { Sheet } from './sheet.ts'
import { maxSeats, StripeLocks } from './stripe-lock.ts'
import { allocateTable, defaultSlots, header, mostSlots, openTable, setSlots } from './table-layout.ts'

/** The local store answers at once, never by a promise. */
export interface LocalCounterStore extends CounterStore {
  take(checks: readonly LimitCheck[]): readonly LimitState[]
  peek(check: LimitCheck): LimitState
  reset(check: Pick<LimitCheck, 'key' | 'algorithm'>): void
  /**
   * Takes over a counter as another store has it, if it is fuller there. `ages`: the row of algorithms.ts with ms before now
   * in place of times.
   */
  adopt(check: LimitCheck, ages: Float64Array): void
}

export interface CounterStats {
  readonly slots: number
  /** Counters that held something when they gave way to another key; a steady rise asks for more slots. */
  readonly evictions: number
  /** Locks taken over from threads that died while they held them. */
  readonly takeovers: number
}

/** Fixed memory for all counters of the process, 184 bytes a slot. `slots` is a power of two, 16 at least. */
export function createCounterBuffer({ slots = defaultSlots }: { slots?: number } = {}): SharedArrayBuffer {
  if (!Number.isInteger(slots) || slots < setSlots || slots > mostSlots || (slots & (slots - 1)) !== 0) {
    throw new RangeError(`slots must be a power of two from ${setSlots} to ${mostSlots}, not ${slots}`)
  }
  return allocateTable(slots)
}

export function readCounterStats(buffer: SharedArrayBuffer): CounterStats {
  const table = openTable(buffer)
  return {
    slots: table.slots,
    evictions: Atomics.load(table.header, header.evictions) >>> 0,
    takeovers: Atomics.load(table.header, header.takeovers) >>> 0,
  }
}

/** Call once a thread: it takes a seat among the lock holders. */
export function createLocalCounters(buffer: SharedArrayBuffer, clock: Clock): LocalCounterStore {
  const table = openTable(buffer)
  const seat = 1 + ((Atomics.add(table.header, header.seats, 1) >>> 0) % maxSeats)
  const locks = new StripeLocks(table.locks, seat, () => {
    Atomics.add(table.header, header.takeovers, 1)
  })
  let sheet = new Sheet(table, 4)

  return {
    take(checks) {
      if (checks.length > sheet.room) sheet = new Sheet(table, checks.length)
      const count = checks.length
      for (let i = 0; i < count; i++) sheet.address(i, checks[i] as LimitCheck)
      const stripes = sheet.collectSets(count)
      locks.acquireAll(sheet.sets, stripes)
      try {
        return takeAll(sheet, checks, clock.monotonicMs())
      } finally {
        locks.releaseAll(sheet.sets, stripes)
      }
    },
    peek(check) {
      return withOne(sheet, locks, check, () => {
        return peekAt(sheet, 0, check, clock.monotonicMs())
      })
    },
    reset(check) {
      withOne(sheet, locks, check, () => {
        sheet.clear(0)
      })
    },
    adopt(check, ages) {
      withOne(sheet, locks, check, () => adoptFuller(sheet, check, ages, clock.monotonicMs()))
    },
  }
}

function withOne<T>(
  sheet: Sheet,
  locks: StripeLocks,
  check: Pick<LimitCheck, 'key' | 'algorithm'>,
  work: () => T,
): T {
  sheet.address(0, check)
  sheet.collectSets(1)
  locks.acquireAll(sheet.sets, 1)
  try {
    return work()
  } finally {
    locks.releaseAll(sheet.sets, 1)
  }
}

function takeAll(sheet: Sheet, checks: readonly LimitCheck[], nowMs: number): LimitState[] {
  const states: LimitState[] = []
  let passed = true
  for (let i = 0; i < checks.length; i++) {
    const check = checks[i] as LimitCheck
    const state = take(check, sheet.rows, sheet.load(i, check, nowMs), nowMs)
    states.push(state)
    passed &&= state.allowed
  }
  if (!passed) {
    // The checks that would have let it pass took nothing after all.
    return states.map((state, i) =>
      state.allowed ? peekAt(sheet, i, checks[i] as LimitCheck, nowMs) : state,
    )
  }
  sheet.begin()
  for (let i = 0; i < checks.length; i++)
    sheet.store(i, checks[i] as LimitCheck, states[i] as LimitState, nowMs)
  return states
}

function peekAt(sheet: Sheet, index: number, check: LimitCheck, nowMs: number): LimitState {
  return peek(check, sheet.rows, sheet.load(index, check, nowMs), nowMs)
}

function adoptFuller(sheet: Sheet, check: LimitCheck, ages: Float64Array, nowMs: number): void {
  const mine = peekAt(sheet, 0, check, nowMs)
  const row = fromAges(check, ages, nowMs)
  const theirs = peek(check, row, 0, nowMs)
  if (theirs.remaining > mine.remaining) return
  if (theirs.remaining === mine.remaining && theirs.resetMs <= mine.resetMs) return
  sheet.rows.set(row, 0)
  sheet.begin()
  sheet.store(0, check, theirs, nowMs)
}
