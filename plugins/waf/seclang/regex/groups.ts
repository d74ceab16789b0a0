// Finds the groups of the match that a backtracking engine would find first (Pike's simulation): all ways go on side by
// side in the order of preference, so the time is linear in value and program. Only for regular programs.
import { afterNothing, contextAfter, endOfValue, holds } from './contexts.ts'
import { op, type Program } from './program.ts'

/** Start and end of each group, -1 where a group took no part. */
export type Slots = Int32Array

/** The ways that are alive at one position, most preferred first, each with its slots. */
interface Ways {
  readonly pcs: Int32Array
  readonly slots: Int32Array
  count: number
}

export class GroupFinder {
  readonly #program: Program
  readonly #slotCount: number
  readonly #seen: Uint32Array
  #round = 0
  #now: Ways
  #then: Ways
  /** Instructions visited since `find` began. */
  #steps = 0
  readonly #stack: number[] = []
  readonly #slots: Slots

  constructor(program: Program, groupLimit: number) {
    const size = program.ops.length
    this.#program = program
    this.#slotCount = 2 * (1 + Math.min(program.groupCount, groupLimit))
    this.#seen = new Uint32Array(size)
    this.#slots = new Int32Array(this.#slotCount)
    this.#now = { pcs: new Int32Array(size), slots: new Int32Array(size * this.#slotCount), count: 0 }
    this.#then = { pcs: new Int32Array(size), slots: new Int32Array(size * this.#slotCount), count: 0 }
  }

  /** The first match at or after `from`; null when there is none, or when `maxSteps` did not suffice. */
  find(value: string, from: number, maxSteps: number): Slots | null {
    this.#steps = 0
    this.#round++
    this.#now.count = 0
    let best: Slots | null = null
    for (let at = from; at <= value.length; at++) {
      if (best === null) {
        this.#slots.fill(-1)
        this.#slots[0] = at
        this.#add(this.#now, 0, value, at)
      }
      if (this.#steps > maxSteps) return null
      best = this.#consume(value, at) ?? best
      if (best !== null && this.#now.count === 0) return best
    }
    return best
  }

  /** Moves every way over the byte at `at`; returns the slots of the most preferred one that is complete. */
  #consume(value: string, at: number): Slots | null {
    const { args, nexts, ops, sets } = this.#program
    const ways = this.#now
    const after = this.#then
    after.count = 0
    this.#round++
    let complete: Slots | null = null
    const byte = at < value.length ? value.charCodeAt(at) & 255 : endOfValue
    for (let index = 0; index < ways.count && complete === null; index++) {
      const pc = ways.pcs[index] as number
      const offset = index * this.#slotCount
      if (ops[pc] === op.accept) {
        complete = ways.slots.slice(offset, offset + this.#slotCount)
        complete[1] = at
      } else if (sets[args[pc] as number]?.[byte] === 1) {
        for (let slot = 0; slot < this.#slotCount; slot++)
          this.#slots[slot] = ways.slots[offset + slot] as number
        this.#add(after, nexts[pc] as number, value, at + 1)
      }
    }
    this.#now = after
    this.#then = ways
    return complete
  }

  /** Adds the ways that begin at `first`, with the slots in `#slots`. A negative entry of the stack restores a slot. */
  #add(ways: Ways, first: number, value: string, at: number): void {
    const { alts, args, nexts, ops, sets } = this.#program
    const stack = this.#stack
    stack.push(first)
    while (stack.length > 0) {
      const pc = stack.pop() as number
      if (pc < 0) {
        this.#slots[-pc - 1] = stack.pop() as number
        continue
      }
      if (this.#seen[pc] === this.#round) continue
      this.#seen[pc] = this.#round
      this.#steps++
      const code = ops[pc] as number
      if (code === op.set || code === op.accept) this.#keep(ways, pc)
      else if (code === op.assert && !this.#passes(args[pc] as number, value, at)) continue
      else if (code === op.notNext && sets[args[pc] as number]?.[value.charCodeAt(at)] === 1) continue
      else {
        if (code === op.split) stack.push(alts[pc] as number)
        else if (code === op.save) this.#save(args[pc] as number, at)
        stack.push(nexts[pc] as number)
      }
    }
  }

  #keep(ways: Ways, pc: number): void {
    ways.pcs[ways.count] = pc
    const offset = ways.count * this.#slotCount
    for (let slot = 0; slot < this.#slotCount; slot++) ways.slots[offset + slot] = this.#slots[slot] as number
    ways.count++
  }

  #save(slot: number, at: number): void {
    if (slot >= this.#slotCount) return
    this.#stack.push(this.#slots[slot] as number, -slot - 1)
    this.#slots[slot] = at
  }

  #passes(assert: number, value: string, at: number): boolean {
    const before = at === 0 ? afterNothing : contextAfter(value.charCodeAt(at - 1) & 255)
    const next = at < value.length ? value.charCodeAt(at) & 255 : endOfValue
    return holds(assert, before, next, at === value.length - 1)
  }
}
