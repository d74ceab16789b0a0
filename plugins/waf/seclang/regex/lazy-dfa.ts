// Says whether a program matches anywhere in a value, in time linear in its length: a deterministic automaton over byte
// classes whose states are made when first needed (as RE2 does), within a fixed bound of memory.
//
// A state is the set of instructions that wait for the next byte, without those that every position begins anew: what
// these add is the same after each byte of a class, and computed once.
import { type ByteClasses, classifyBytes } from './byte-classes.ts'
import { Closure, type Waiting } from './closure.ts'
import { atBegin, contextAfter, relevantContext } from './contexts.ts'
import type { Program } from './program.ts'

/** Cells of the table that hold no state. */
const unknown = 0
const accepted = 1
/** In the column of the end only. */
const refused = 2
/** Cells of the table: 128 KB. When it is full all states are dropped and made anew as needed. */
const maxCells = 1 << 16
const firstCells = 1 << 9
const nothing = new Int32Array(0)

export class LazyDfa {
  readonly #classes: ByteClasses
  readonly #stride: number
  readonly #closure: Closure
  /** The bits of a context that the assertions of the program ask for. */
  readonly #relevant: number
  /** A row for each state: where each class leads, as the offset of a row; the last column is the end of the value. */
  #table: Uint16Array
  #used = 0
  #resets = 0
  readonly #rowOf = new Map<string, number>()
  /** Of the state whose row begins at offset r: at r / stride. */
  #waiting: Int32Array[] = []
  #contexts: number[] = []
  /** What a match attempt that begins at this byte adds, by context and class. */
  readonly #fresh = new Map<number, Waiting>()

  constructor(program: Program) {
    this.#classes = classifyBytes(program)
    this.#stride = this.#classes.count + 1
    this.#closure = new Closure(program, this.#classes)
    this.#relevant = relevantContext(program.asserts)
    this.#table = new Uint16Array(Math.max(firstCells, this.#stride * 4))
    this.#reset()
  }

  /** Instructions visited so far: a measure of work that no clock disturbs. */
  get steps(): number {
    return this.#closure.steps
  }

  /** Whether a match begins at or after `from`. */
  test(value: string, from = 0): boolean {
    const { classOf } = this.#classes
    let row = this.#rowAt(value, from)
    let table = this.#table
    const resets = this.#resets
    for (let at = from; at < value.length; at++) {
      const index = classOf[value.charCodeAt(at) & 255] as number
      const next = table[row + index] as number
      if (next > accepted) {
        row = next
        continue
      }
      if (next === accepted) return true
      row = this.#advance(row, index)
      if (row === accepted) return true
      if (this.#resets > resets + 1) return this.#simulate(value, at + 1, row)
      table = this.#table
    }
    return this.#acceptsAtEnd(row)
  }

  /** The last position before which no match has begun, for a value that matches. */
  resumePoint(value: string, from = 0): number {
    const { classOf } = this.#classes
    let row = this.#rowAt(value, from)
    let resume = from
    for (let at = from; at < value.length; at++) {
      if ((this.#waiting[row / this.#stride] as Int32Array).length === 0) resume = at
      const index = classOf[value.charCodeAt(at) & 255] as number
      const next = this.#table[row + index] as number
      row = next === unknown ? this.#advance(row, index) : next
      if (row === accepted) return resume
    }
    return resume
  }

  /** The row in which nothing of a match has been seen. */
  #rowAt(value: string, from: number): number {
    if (from === 0) return this.#stride
    return this.#rowFor(nothing, contextAfter(value.charCodeAt(from - 1) & 255) & this.#relevant)
  }

  /** Without keeping states: for values that make so many that none comes twice. */
  #simulate(value: string, from: number, row: number): boolean {
    const { classOf, count } = this.#classes
    let waiting = this.#waiting[row / this.#stride] as Int32Array
    let context = this.#contexts[row / this.#stride] as number
    for (let at = from; at <= value.length; at++) {
      const index = at === value.length ? count : (classOf[value.charCodeAt(at) & 255] as number)
      const fresh = this.#freshAt(context, index)
      if (fresh.accepted) return true
      const after = this.#closure.step(waiting, context, index, fresh.instructions)
      if (after.accepted) return true
      waiting = after.instructions
      if (index !== count) context = this.#closure.contextAfterClass(index)
    }
    return false
  }

  #acceptsAtEnd(row: number): boolean {
    const end = this.#classes.count
    const known = this.#table[row + end]
    if (known !== unknown) return known === accepted
    const at = row / this.#stride
    const context = this.#contexts[at] as number
    const accepts =
      this.#freshAt(context, end).accepted ||
      this.#closure.step(this.#waiting[at] as Int32Array, context, end, null).accepted
    this.#table[row + end] = accepts ? accepted : refused
    return accepts
  }

  /** The row after a byte of class `index` in the state of `row`, or `accepted`. */
  #advance(row: number, index: number): number {
    const at = row / this.#stride
    const context = this.#contexts[at] as number
    const fresh = this.#freshAt(context, index)
    const waiting = this.#waiting[at] as Int32Array
    const after = fresh.accepted ? fresh : this.#closure.step(waiting, context, index, fresh.instructions)
    if (after.accepted) {
      this.#table[row + index] = accepted
      return accepted
    }
    const generation = this.#waiting
    const next = this.#rowFor(after.instructions, this.#closure.contextAfterClass(index))
    if (generation === this.#waiting) this.#table[row + index] = next
    return next
  }

  #freshAt(context: number, index: number): Waiting {
    const key = context * 512 + index
    const known = this.#fresh.get(key)
    if (known !== undefined) return known
    const begin = this.#closure.begin(context)
    const fresh = begin.accepted ? begin : this.#closure.step(begin.instructions, context, index, null)
    this.#fresh.set(key, fresh)
    return fresh
  }

  #rowFor(instructions: Int32Array, context: number): number {
    instructions.sort()
    const bytes = Buffer.from(instructions.buffer, instructions.byteOffset, instructions.byteLength)
    const key = `${context}${bytes.toString('latin1')}`
    const known = this.#rowOf.get(key)
    if (known !== undefined) return known
    if (this.#used + this.#stride > maxCells) this.#reset()
    return this.#addRow(key, instructions, context)
  }

  #addRow(key: string, instructions: Int32Array, context: number): number {
    const row = this.#used
    this.#used += this.#stride
    if (this.#used > this.#table.length) {
      const larger = new Uint16Array(Math.min(this.#table.length * 2, maxCells))
      larger.set(this.#table)
      this.#table = larger
    }
    this.#rowOf.set(key, row)
    this.#waiting.push(instructions)
    this.#contexts.push(context)
    return row
  }

  /** Drops all states but the first, whose row is the second: offset 0 would be taken for `unknown`. */
  #reset(): void {
    this.#resets++
    this.#table.fill(unknown)
    this.#rowOf.clear()
    this.#waiting = [nothing]
    this.#contexts = [0]
    this.#used = this.#stride
    const context = atBegin & this.#relevant
    this.#addRow(`${context}`, nothing, context)
  }
}
