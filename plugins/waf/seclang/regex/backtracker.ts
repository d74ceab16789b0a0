// Matches programs that no automaton can: look-around, backreferences, atomic groups. It goes one way at a time and comes
// back, as PCRE does, and so may need exponential time: it counts its steps and gives up.
import { addAll } from './byte-sets.ts'
import { afterNothing, contextAfter, endOfValue, holds } from './contexts.ts'
import type { Slots } from './groups.ts'
import { op, type Program } from './program.ts'

/** Kinds of entries on the stack, three numbers each: kind or instruction, and two operands. */
const restoreSlot = -1
const restoreRegister = -2

export class Backtracker {
  readonly #program: Program
  readonly #slots: Int32Array
  readonly #registers: Int32Array
  /** Positions where look-ahead began; beside the registers, which hold heights of the stack. */
  readonly #places: Int32Array
  /** Bytes that a match can begin with; null when it can be empty. */
  readonly #firstBytes: Uint8Array | null
  #stack: number[] = []
  #steps = 0

  constructor(program: Program) {
    this.#program = program
    this.#firstBytes = firstBytesOf(program)
    this.#slots = new Int32Array(2 * (program.groupCount + 1))
    this.#registers = new Int32Array(program.registerCount)
    this.#places = new Int32Array(program.registerCount)
  }

  /** The first match at or after `from`; null when there is none; 'gave-up' when `maxSteps` did not suffice. */
  find(value: string, from: number, maxSteps: number): Slots | null | 'gave-up' {
    this.#steps = maxSteps
    const first = this.#firstBytes
    for (let at = from; at <= value.length; at++) {
      if (first !== null && first[value.charCodeAt(at) & 255] !== 1) continue
      this.#slots.fill(-1)
      this.#slots[0] = at
      this.#registers.fill(-1)
      const end = this.#run(value, at)
      if (this.#steps <= 0) return 'gave-up'
      if (end === -1) continue
      this.#slots[1] = end
      return this.#slots.slice()
    }
    return null
  }

  /** Runs from one beginning; the end of the match, or -1. */
  #run(value: string, from: number): number {
    this.#stack.length = 0
    let pc = 0
    let at = from
    for (;;) {
      if (--this.#steps <= 0) return -1
      if (this.#program.ops[pc] === op.accept) return at
      const next = this.#step(value, pc, at)
      if (next !== -1) {
        at = next
        pc = this.#program.nexts[pc] as number
        continue
      }
      if (!this.#back()) return -1
      at = this.#stack.pop() as number
      pc = this.#stack.pop() as number
    }
  }

  /** Undoes down to the last way not taken, whose instruction and position stay on top; false when there is none. */
  #back(): boolean {
    const stack = this.#stack
    while (stack.length > 0) {
      const kind = stack.pop() as number
      if (kind === 0) return true
      const value = stack.pop() as number
      const index = stack.pop() as number
      if (kind === restoreSlot) this.#slots[index] = value
      else this.#registers[index] = value
    }
    return false
  }

  /** The position after the instruction, or -1 when it fails here. */
  #step(value: string, pc: number, at: number): number {
    const { alts, args, ops, sets } = this.#program
    const arg = args[pc] as number
    switch (ops[pc]) {
      case op.set:
        return at < value.length && sets[arg]?.[value.charCodeAt(at) & 255] === 1 ? at + 1 : -1
      case op.split:
        this.#stack.push(alts[pc] as number, at, 0)
        return at
      case op.save:
        this.#stack.push(arg, this.#slots[arg] as number, restoreSlot)
        this.#slots[arg] = at
        return at
      case op.assert:
        return this.#passes(arg, value, at) ? at : -1
      case op.notNext:
        return sets[arg]?.[value.charCodeAt(at)] === 1 ? -1 : at
      case op.backreference:
        return this.#repeated(value, arg, at, alts[pc] === 1)
      case op.stepBack:
        return at >= arg ? at - arg : -1
      default:
        return this.#stepRare(pc, arg, at)
    }
  }

  #stepRare(pc: number, arg: number, at: number): number {
    switch (this.#program.ops[pc]) {
      case op.loopMark:
        this.#setRegister(arg, at)
        return at
      case op.loopCheck:
        return this.#registers[arg] === at ? -1 : at
      case op.cutOpen:
        this.#setRegister(arg, this.#stack.length)
        return at
      case op.cutClose:
        this.#cut(this.#registers[arg] as number)
        return at
      case op.lookOpen:
      case op.notLookOpen:
        return this.#openLook(pc, arg, at)
      case op.lookClose:
        this.#cut(this.#registers[arg] as number)
        return this.#places[arg] as number
      case op.notLookClose:
        // The way that `#openLook` left for a failure inside is forgotten as well, and so the whole of it fails.
        this.#stack.length = this.#undo(this.#registers[arg] as number)
        return -1
      default:
        return at
    }
  }

  #openLook(pc: number, arg: number, at: number): number {
    const { alts, ops } = this.#program
    this.#setRegister(arg, this.#stack.length)
    this.#places[arg] = at
    if (ops[pc] === op.notLookOpen) this.#stack.push(alts[pc] as number, at, 0)
    return at
  }

  #setRegister(index: number, value: number): void {
    this.#stack.push(index, this.#registers[index] as number, restoreRegister)
    this.#registers[index] = value
  }

  /** Forgets the ways above `height`, but not what must be undone when an earlier way is taken. */
  #cut(height: number): void {
    const stack = this.#stack
    let kept = height
    for (let at = height; at < stack.length; at += 3) {
      if (stack[at + 2] === 0) continue
      stack[kept] = stack[at] as number
      stack[kept + 1] = stack[at + 1] as number
      stack[kept + 2] = stack[at + 2] as number
      kept += 3
    }
    stack.length = kept
  }

  /** Undoes everything above `height`, and returns it. */
  #undo(height: number): number {
    const stack = this.#stack
    for (let at = stack.length - 3; at >= height; at -= 3) {
      const index = stack[at] as number
      if (stack[at + 2] === restoreSlot) this.#slots[index] = stack[at + 1] as number
      else if (stack[at + 2] === restoreRegister) this.#registers[index] = stack[at + 1] as number
    }
    return height
  }

  #repeated(value: string, group: number, at: number, ignoreCase: boolean): number {
    const start = this.#slots[group * 2] as number
    const end = this.#slots[group * 2 + 1] as number
    if (start === -1 || end === -1) return -1
    const wanted = value.slice(start, end)
    const found = value.slice(at, at + wanted.length)
    const same = ignoreCase ? wanted.toLowerCase() === found.toLowerCase() : wanted === found
    this.#steps -= wanted.length
    return same ? at + wanted.length : -1
  }

  #passes(assert: number, value: string, at: number): boolean {
    const before = at === 0 ? afterNothing : contextAfter(value.charCodeAt(at - 1) & 255)
    const next = at < value.length ? value.charCodeAt(at) & 255 : endOfValue
    return holds(assert, before, next, at === value.length - 1)
  }
}

/** What the instructions that can come first consume. Assertions are passed over, so it may hold too many. */
function firstBytesOf(program: Program): Uint8Array | null {
  const { alts, args, nexts, ops, sets } = program
  const bytes = new Uint8Array(256)
  const seen = new Set<number>()
  const stack = [0]
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    if (seen.has(pc)) continue
    seen.add(pc)
    const code = ops[pc]
    if (code === op.accept || code === op.backreference) return null
    if (code === op.set) addAll(bytes, sets[args[pc] as number] as Uint8Array)
    else if (code === op.split) stack.push(nexts[pc] as number, alts[pc] as number)
    else stack.push((code === op.lookOpen || code === op.notLookOpen ? alts[pc] : nexts[pc]) as number)
  }
  return bytes
}
