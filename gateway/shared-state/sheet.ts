// A thread's private working copy of the rows that one `take` counts on. Any thread; called by counter-table.ts.
// Made once and used again and again, so that a take allocates nothing but its answer.
import type { LimitAlgorithm, LimitCheck, LimitState } from '../contract/ports.ts'
import { capacityOf, cellsOf, rebase, rowCells } from './algorithms.ts'
import { hashKey } from './keyed-hash.ts'
import { claimSlot, clearSlot, findSlot, tagSlot } from './slots.ts'
import { type CounterTable, tagWords } from './table-layout.ts'

// Keeps counters of one key and two algorithms apart: their rows mean different things.
const algorithmMark: Readonly<Record<LimitAlgorithm, number>> = {
  'fixed-window': 0x11111111,
  'sliding-window': 0x22222222,
  'token-bucket': 0x44444444,
  'leaky-bucket': 0x77777777,
}

export class Sheet {
  /** Checks that fit. */
  readonly room: number
  readonly rows: Float64Array
  /** After collectSets: the sets to lock, sorted. */
  readonly sets: Int32Array
  readonly #table: CounterTable
  readonly #tags: Int32Array
  readonly #homes: Int32Array
  /** The first place that has the same key. */
  readonly #firsts: Int32Array
  /** Slots that this take has written. */
  readonly #written: Int32Array
  #writtenCount = 0
  readonly #hash = new Int32Array(tagWords)
  readonly #isWritten = (slot: number): boolean => {
    for (let i = 0; i < this.#writtenCount; i++) if (this.#written[i] === slot) return true
    return false
  }

  constructor(table: CounterTable, room: number) {
    this.room = room
    this.rows = new Float64Array(room * rowCells)
    this.sets = new Int32Array(room)
    this.#table = table
    this.#tags = new Int32Array(room * tagWords)
    this.#homes = new Int32Array(room)
    this.#firsts = new Int32Array(room)
    this.#written = new Int32Array(room)
  }

  /** Hashes a check's key into place `index`; places are filled in order. */
  address(index: number, check: Pick<LimitCheck, 'key' | 'algorithm'>): void {
    const hash = this.#hash
    const at = index * tagWords
    hashKey(check.key, this.#table.seed, hash)
    this.#tags.set(hash, at)
    this.#tags[at + 1] = (hash[1] as number) ^ algorithmMark[check.algorithm]
    // An all-zero tag means an empty slot.
    this.#tags[at + 3] = (hash[3] as number) | 1
    this.#homes[index] = (hash[0] as number) & (this.#table.sets - 1)
    this.#firsts[index] = firstWithTag(this.#tags, index)
  }

  /** Collects the sets of the first `count` places, without repeats; returns how many there are. */
  collectSets(count: number): number {
    let found = 0
    for (let i = 0; i < count; i++) found = insertSet(this.sets, found, this.#homes[i] as number)
    return found
  }

  /** Copies the counter's row in and returns where it starts; places with one key share the row of the first. */
  load(index: number, check: LimitCheck, nowMs: number): number {
    const first = this.#firsts[index] as number
    const at = first * rowCells
    if (first !== index) return at
    const slot = this.#find(index)
    const cells = cellsOf(check)
    for (let cell = 0; cell < cells; cell++) {
      this.rows[at + cell] = slot < 0 ? 0 : (this.#table.rows[slot * rowCells + cell] as number)
    }
    if (rebase(check, this.rows, at, nowMs)) this.#copyBack(at, slot, cells)
    return at
  }

  /** Before the first `store` of a take. */
  begin(): void {
    this.#writtenCount = 0
  }

  /** Copies a place's row back, into a slot of its own if the key has none yet. */
  store(index: number, check: LimitCheck, state: LimitState, nowMs: number): void {
    const table = this.#table
    let slot = this.#find(index)
    if (slot < 0) {
      slot = claimSlot(table, this.#homes[index] as number, nowMs, this.#isWritten)
      tagSlot(table, slot, this.#tags, index * tagWords)
    }
    this.#copyBack((this.#firsts[index] as number) * rowCells, slot, cellsOf(check))
    table.fill[slot] = Math.max(0, 1 - state.remaining / capacityOf(check))
    table.freeAtMs[slot] = nowMs + state.resetMs
    this.#written[this.#writtenCount++] = slot
  }

  clear(index: number): void {
    const slot = this.#find(index)
    if (slot >= 0) clearSlot(this.#table, slot)
  }

  #find(index: number): number {
    return findSlot(this.#table, this.#homes[index] as number, this.#tags, index * tagWords)
  }

  #copyBack(at: number, slot: number, cells: number): void {
    for (let cell = 0; cell < cells; cell++) {
      this.#table.rows[slot * rowCells + cell] = this.rows[at + cell] as number
    }
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
