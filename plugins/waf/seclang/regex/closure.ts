// What a program can reach without consuming a byte, as sets of instructions: the step of the lazy automaton.
//
// Atomic groups, look-around and backreferences are taken for what they allow at most: an automaton that says "no" is
// right about every program, one that says "yes" only about regular ones.
import type { ByteClasses } from './byte-classes.ts'
import { contextAfter, endOfValue, holds, isDecidedBy, relevantContext } from './contexts.ts'
import { op, type Program } from './program.ts'

/** Instructions that wait for the next byte; `accepted` when a match is already complete. */
export interface Waiting {
  readonly accepted: boolean
  readonly instructions: Int32Array
}

export class Closure {
  readonly #program: Program
  readonly #classes: ByteClasses
  readonly #relevant: number
  /** Sparse sets of instructions: `#seen[pc] === #round` tells membership. */
  readonly #seen: Uint32Array
  #round = 0
  readonly #stack: Int32Array
  readonly #found: Int32Array
  #foundCount = 0
  #accepted = false
  readonly #targets: Int32Array
  /** Work done so far, in instructions visited. */
  steps = 0

  constructor(program: Program, classes: ByteClasses) {
    const size = program.ops.length
    this.#program = program
    this.#classes = classes
    this.#relevant = relevantContext(program.asserts)
    this.#seen = new Uint32Array(size)
    this.#stack = new Int32Array(size * 2 + 2)
    this.#found = new Int32Array(size)
    this.#targets = new Int32Array(size)
  }

  contextAfterClass(index: number): number {
    return contextAfter(this.#classes.samples[index] as number) & this.#relevant
  }

  /** What waits at the very beginning of a match attempt. */
  begin(context: number): Waiting {
    this.#open()
    this.#visit(0, context, null)
    return this.#taken()
  }

  /** What waits after a byte of class `index` came to `waiting`; `also` is added to it. */
  step(waiting: Int32Array, context: number, index: number, also: Int32Array | null): Waiting {
    const next = index === this.#classes.count ? endOfValue : (this.#classes.samples[index] as number)
    this.#open()
    for (const pc of waiting) this.#visit(pc, context, next)
    if (this.#accepted || next === endOfValue)
      return { accepted: this.#accepted, instructions: new Int32Array(0) }
    const count = this.#consume(index)
    this.#open()
    const after = this.contextAfterClass(index)
    for (let at = 0; at < count; at++) this.#visit(this.#targets[at] as number, after, null)
    if (also !== null) for (const pc of also) this.#visit(pc, after, null)
    return this.#taken()
  }

  /** The instructions behind those found that take a byte of the class; kept in `#targets`. */
  #consume(index: number): number {
    const { ops, args, nexts } = this.#program
    const { members, count: classCount } = this.#classes
    let count = 0
    for (let at = 0; at < this.#foundCount; at++) {
      const pc = this.#found[at] as number
      if (ops[pc] === op.backreference) this.#targets[count++] = pc
      else if (ops[pc] === op.set && members[(args[pc] as number) * classCount + index] === 1)
        this.#targets[count++] = nexts[pc] as number
    }
    return count
  }

  #open(): void {
    this.#round++
    this.#foundCount = 0
    this.#accepted = false
  }

  #taken(): Waiting {
    const instructions = this.#found.slice(0, this.#foundCount)
    return { accepted: this.#accepted, instructions }
  }

  /** Adds what `pc` reaches. `next` null: the next byte is not known, and what asks for it waits. */
  #visit(first: number, context: number, next: number | null): void {
    const { alts, nexts, ops } = this.#program
    const stack = this.#stack
    let height = 0
    stack[height++] = first
    while (height > 0) {
      const pc = stack[--height] as number
      if (this.#seen[pc] === this.#round) continue
      this.#seen[pc] = this.#round
      this.steps++
      const code = ops[pc] as number
      if (code === op.set) this.#found[this.#foundCount++] = pc
      else if (code === op.accept) this.#accepted = true
      else if (code === op.split) {
        stack[height++] = alts[pc] as number
        stack[height++] = nexts[pc] as number
      } else if (code === op.assert || code === op.notNext) {
        if (this.#passes(pc, context, next)) stack[height++] = nexts[pc] as number
      } else {
        if (code === op.backreference) this.#found[this.#foundCount++] = pc
        const skips = code === op.lookOpen || code === op.notLookOpen
        stack[height++] = (skips ? alts[pc] : nexts[pc]) as number
      }
    }
  }

  #passes(pc: number, context: number, next: number | null): boolean {
    const { args, ops, sets } = this.#program
    const assert = args[pc] as number
    if (ops[pc] === op.notNext && next !== null) return sets[assert]?.[next] !== 1
    if (next !== null) return holds(assert, context, next, true)
    if (ops[pc] === op.assert && isDecidedBy(assert, context)) return holds(assert, context, endOfValue, true)
    this.#found[this.#foundCount++] = pc
    return false
  }
}
