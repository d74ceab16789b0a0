// A thread's private working copy of the rows that one `take` counts on. Any thread; called by counter-table.ts.
// Made once and used again and again, so that a take allocates nothing but its answer.
import type { LimitAlgorithm, LimitCheck, LimitState } from '../contract/ports.ts'
import { capacityOf, cellsOf, rebase, rowCells } from './algorithms.ts'
import { hashKey } from './keyed-hash.ts'
import { claimSlot, clearSlot, findSlot, tagSlot } from './slots.ts'
import { type CounterTable, tagWords } from './table-layout.ts'

export interface Sheet {
  /** Checks that fit. */
  readonly room: number
  readonly rows: Float64Array
  /** After collectSets: the sets to lock, sorted. */
  readonly sets: Int32Array
  /** Hashes a check's key into place `index`. */
  address(index: number, check: Pick<LimitCheck, 'key' | 'algorithm'>): void
  /** Collects the sets of the first `count` places, without repeats; returns how many there are. */
  collectSets(count: number): number
  /** Copies the counter's row in and returns where it starts; places with one key share the row of the first. */
  load(index: number, check: LimitCheck, nowMs: number): number
  /** Copies rows back: `begin` once, then `store` for every place. */
  begin(): void
  store(index: number, check: LimitCheck, state: LimitState, nowMs: number): void
  clear(index: number): void
}

// Keeps counters of one key and two algorithms apart: their rows mean different things.
const algorithmMark: Readonly<Record<LimitAlgorithm, number>> = {
  'fixed-window': 0x11111111,
  'sliding-window': 0x22222222,
  'token-bucket': 0x44444444,
  'leaky-bucket': 0x77777777,
}

export function createSheet(table: CounterTable, room: number): Sheet {
  const rows = new Float64Array(room * rowCells)
  const tags = new Int32Array(room * tagWords)
  const homes = new Int32Array(room)
  const sets = new Int32Array(room)
  const firsts = new Int32Array(room)
  const written = new Int32Array(room)
  const scratch = new Int32Array(tagWords)
  let writtenCount = 0
  const isKept = (slot: number) => {
    for (let i = 0; i < writtenCount; i++) if (written[i] === slot) return true
    return false
  }

  return {
    room,
    rows,
    sets,
    address(index, check) {
      hashKey(check.key, table.seed, scratch)
      tags.set(scratch, index * tagWords)
      tags[index * tagWords + 1] = (scratch[1] as number) ^ algorithmMark[check.algorithm]
      // An all-zero tag means an empty slot.
      tags[index * tagWords + 3] = (scratch[3] as number) | 1
      homes[index] = (scratch[0] as number) & (table.sets - 1)
      firsts[index] = firstWithTag(tags, index)
    },
    collectSets(count) {
      let found = 0
      for (let i = 0; i < count; i++) found = insertSet(sets, found, homes[i] as number)
      return found
    },
    load(index, check, nowMs) {
      const first = firsts[index] as number
      const at = first * rowCells
      if (first !== index) return at
      const slot = findSlot(table, homes[index] as number, tags, index * tagWords)
      const cells = cellsOf(check)
      for (let cell = 0; cell < cells; cell++) {
        rows[at + cell] = slot < 0 ? 0 : (table.rows[slot * rowCells + cell] as number)
      }
      if (rebase(check, rows, at, nowMs)) copyRow(rows, at, table, slot, cells)
      return at
    },
    begin() {
      writtenCount = 0
    },
    store(index, check, state, nowMs) {
      const home = homes[index] as number
      let slot = findSlot(table, home, tags, index * tagWords)
      if (slot < 0) {
        slot = claimSlot(table, home, nowMs, isKept)
        tagSlot(table, slot, tags, index * tagWords)
      }
      copyRow(rows, (firsts[index] as number) * rowCells, table, slot, cellsOf(check))
      table.fill[slot] = Math.max(0, 1 - state.remaining / capacityOf(check))
      table.freeAtMs[slot] = nowMs + state.resetMs
      written[writtenCount++] = slot
    },
    clear(index) {
      const slot = findSlot(table, homes[index] as number, tags, index * tagWords)
      if (slot >= 0) clearSlot(table, slot)
    },
  }
}

function firstWithTag(tags: Int32Array, index: number): number {
  for (let first = 0; first < index; first++) {
    let same = true
    for (let word = 0; word < tagWords; word++) {
      same &&= tags[first * tagWords + word] === tags[index * tagWords + word]
    }
    if (same) return first
  }
  return index
}

/** Keeps `sets` sorted and without repeats; returns the new count. */
function insertSet(sets: Int32Array, found: number, home: number): number {
  let place = found
  while (place > 0 && (sets[place - 1] as number) > home) place--
  if (place > 0 && sets[place - 1] === home) return found
  sets.copyWithin(place + 1, place, found)
  sets[place] = home
  return found + 1
}

function copyRow(rows: Float64Array, at: number, table: CounterTable, slot: number, cells: number): void {
  for (let cell = 0; cell < cells; cell++) table.rows[slot * rowCells + cell] = rows[at + cell] as number
}
