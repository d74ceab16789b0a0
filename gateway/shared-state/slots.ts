// Finding, filling and clearing slots of the counter table. Any thread, under the lock of the set; called by sheet.ts.
//
// A thread can be terminated between any two of these writes. A slot is published by its `freeAtMs`, written last, and
// taken out by it, written first: what a dead thread leaves behind is a free slot or a counter with sane numbers.
import { rowCells } from './algorithms.ts'
import { type CounterTable, header, setSlots, tagWords } from './table-layout.ts'

/** The slot in `set` that bears the tag at `tags[at]`, or -1. */
export function findSlot(table: CounterTable, set: number, tags: Int32Array, at: number): number {
  const first = set * setSlots
  for (let slot = first; slot < first + setSlots; slot++) {
    const tag = slot * tagWords
    if (
      table.freeAtMs[slot] !== 0 &&
      table.tags[tag] === tags[at] &&
      table.tags[tag + 1] === tags[at + 1] &&
      table.tags[tag + 2] === tags[at + 2] &&
      table.tags[tag + 3] === tags[at + 3]
    ) {
      return slot
    }
  }
  return -1
}

/**
 * A slot for a new key: a free one, else the one that forgets least, counted as an eviction. What is forgotten is the
 * share of its capacity that a counter holds times how long it would hold it. A flood of new keys holds little
 * in each, so that it evicts its own counters and not those of clients who are near their limit. `isKept` spares the
 * slots that the same `take` has just written.
 */
export function claimSlot(
  table: CounterTable,
  set: number,
  nowMs: number,
  isKept: (slot: number) => boolean,
): number {
  const first = set * setSlots
  let victim = first
  let least = Number.POSITIVE_INFINITY
  for (let slot = first; slot < first + setSlots; slot++) {
    const leftMs = (table.freeAtMs[slot] as number) - nowMs
    if (leftMs <= 0) {
      if (!isKept(slot)) return slot
      continue
    }
    const held = (table.fill[slot] as number) * leftMs
    if (held < least && !isKept(slot)) {
      victim = slot
      least = held
    }
  }
  Atomics.add(table.header, header.evictions, 1)
  return victim
}

/** Gives a slot to another key; it stays free until the caller has written the row and `freeAtMs`. */
export function tagSlot(table: CounterTable, slot: number, tags: Int32Array, at: number): void {
  table.freeAtMs[slot] = 0
  for (let word = 0; word < tagWords; word++) table.tags[slot * tagWords + word] = tags[at + word] as number
}

export function clearSlot(table: CounterTable, slot: number): void {
  table.freeAtMs[slot] = 0
  table.tags.fill(0, slot * tagWords, (slot + 1) * tagWords)
  table.rows.fill(0, slot * rowCells, (slot + 1) * rowCells)
}
