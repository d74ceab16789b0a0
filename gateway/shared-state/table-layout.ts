// Where everything lies in the shared counter table. Any thread; called by counter-table.ts.
//
// A set-associative table: the hash picks a set of 16 slots, one lock a set. A slot is 128 bits of hash, when its counter is
// free again, how full it is, and a row of the algorithms: 184 bytes, 12 MB at the default 65,536 slots. Sized for half
// as many live keys: then less than 1 set in 200 holds more than its 16 (Poisson, mean 8) and has to evict.
import { randomFillSync } from 'node:crypto'
import { rowCells } from './algorithms.ts'
import { hashSeedWords } from './keyed-hash.ts'

export const setSlots = 16
export const tagWords = 4

export const defaultSlots = 1 << 16
export const mostSlots = 1 << 24

const layoutVersion = 0x41474331
const headerBytes = 64

/** Words of the header. */
export const header = { layout: 0, slots: 1, seats: 2, evictions: 3, takeovers: 4, seed: 8 } as const

export interface CounterTable {
  readonly slots: number
  readonly sets: number
  readonly header: Int32Array
  readonly seed: Int32Array
  /** One word a set. */
  readonly locks: Int32Array
  /** Four words a slot; all zero: never used. */
  readonly tags: Int32Array
  /** Monotonic ms at which the counter holds nothing any more; 0: the slot is empty. */
  readonly freeAtMs: Float64Array
  /** Share of the capacity that was taken at the last write, 0 to 1. */
  readonly fill: Float64Array
  /** `rowCells` numbers a slot. */
  readonly rows: Float64Array
}

/** A new, empty table of `slots` slots (a power of two). */
export function allocateTable(slots: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(bytesFor(slots))
  const table = mapTable(buffer, slots)
  const seed = new Int32Array(hashSeedWords)
  randomFillSync(seed)
  table.seed.set(seed)
  table.header[header.slots] = slots
  Atomics.store(table.header, header.layout, layoutVersion)
  return buffer
}

export function openTable(buffer: SharedArrayBuffer): CounterTable {
  const head = new Int32Array(buffer, 0, headerBytes / 4)
  const slots = head[header.slots] as number
  if (Atomics.load(head, header.layout) !== layoutVersion || buffer.byteLength !== bytesFor(slots)) {
    throw new TypeError('not a counter buffer: make it with createCounterBuffer')
  }
  return mapTable(buffer, slots)
}

function bytesFor(slots: number): number {
  return headerBytes + (slots / setSlots) * 4 * 2 + slots * (tagWords * 4 + 8 + 8 + rowCells * 8)
}

function mapTable(buffer: SharedArrayBuffer, slots: number): CounterTable {
  const sets = slots / setSlots
  const locksAt = headerBytes
  // Twice the room of the locks keeps the numbers behind them on an 8 byte boundary, even with one set.
  const tagsAt = locksAt + sets * 8
  const freeAt = tagsAt + slots * tagWords * 4
  return {
    slots,
    sets,
    header: new Int32Array(buffer, 0, headerBytes / 4),
    seed: new Int32Array(buffer, header.seed * 4, hashSeedWords),
    locks: new Int32Array(buffer, locksAt, sets),
    tags: new Int32Array(buffer, tagsAt, slots * tagWords),
    freeAtMs: new Float64Array(buffer, freeAt, slots),
    fill: new Float64Array(buffer, freeAt + slots * 8, slots),
    rows: new Float64Array(buffer, freeAt + slots * 16, slots * rowCells),
  }
}
