// A parsed pattern as a flat program (Thompson's construction): one instruction a step, shared by the automaton that
// answers yes or no, the simulation that finds groups, and the backtracker for what no automaton can say.
import type { AssertKind, ByteSet, Node, Syntax } from './syntax.ts'

/** Instruction codes. Every instruction but `accept` goes on at `next`. */
export const op = {
  /** Consumes one byte of the set `arg`. */
  set: 0,
  /** Goes on at `next`, or, less preferred, at `alt`. */
  split: 1,
  jump: 2,
  /** Writes the position to slot `arg`. */
  save: 3,
  /** Goes on only where assertion `arg` holds. */
  assert: 4,
  accept: 5,
  /** Consumes what group `arg` matched; `alt` is 1 to ignore case. */
  backreference: 6,
  /** Remembers the way back in register `arg`; `cutClose` forgets every way back since. */
  cutOpen: 7,
  cutClose: 8,
  /** Looks from here with the instructions at `next`; register `arg`; goes on at `alt`. */
  lookOpen: 9,
  notLookOpen: 10,
  lookClose: 11,
  notLookClose: 12,
  /** Goes back `arg` bytes. */
  stepBack: 13,
  /** Remembers the position in register `arg`; `loopCheck` fails where the loop consumed nothing since. */
  loopMark: 14,
  loopCheck: 15,
  /** Goes on only where no byte of the set `arg` comes next. */
  notNext: 16,
} as const

export const assertKinds: readonly AssertKind[] = [
  'begin',
  'begin-line',
  'end',
  'end-line',
  'end-or-last-newline',
  'word-boundary',
  'not-word-boundary',
]

export interface Program {
  readonly ops: Uint8Array
  readonly args: Int32Array
  readonly nexts: Int32Array
  readonly alts: Int32Array
  readonly sets: readonly ByteSet[]
  readonly groupCount: number
  readonly registerCount: number
  /** False when an automaton can only say "no" for sure: look-around, backreferences and atomic groups. */
  readonly regular: boolean
  readonly asserts: ReadonlySet<AssertKind>
}

/** About 3 MB of instructions; the largest pattern of CRS has some thousand. */
const maxInstructions = 200_000

export function compileProgram(syntax: Syntax): Program {
  const compiler = new Compiler()
  compiler.emit(syntax.root)
  return compiler.finish(syntax.groupCount)
}

class Compiler {
  readonly #ops: number[] = []
  readonly #args: number[] = []
  readonly #nexts: number[] = []
  readonly #alts: number[] = []
  readonly #sets: ByteSet[] = []
  readonly #setIds = new Map<string, number>()
  readonly #idOfSet = new Map<ByteSet, number>()
  readonly #asserts = new Set<AssertKind>()
  #registerCount = 0
  #regular = true

  finish(groupCount: number): Program {
    this.#add(op.accept, 0)
    return {
      ops: Uint8Array.from(this.#ops),
      args: Int32Array.from(this.#args),
      nexts: Int32Array.from(this.#nexts),
      alts: Int32Array.from(this.#alts),
      sets: this.#sets,
      groupCount,
      registerCount: this.#registerCount,
      regular: this.#regular,
      asserts: this.#asserts,
    }
  }

  emit(node: Node): void {
    switch (node.kind) {
      case 'empty':
        return
      case 'set':
        this.#add(op.set, this.#setId(node.set))
        return
      case 'sequence':
        for (const item of node.items) this.emit(item)
        return
      case 'choice':
        return this.#choice(node.items)
      case 'repeat':
        return this.#repeat(node)
      case 'not-next':
        this.#add(op.notNext, this.#setId(node.set))
        return
      case 'group':
        this.#add(op.save, node.index * 2)
        this.emit(node.item)
        this.#add(op.save, node.index * 2 + 1)
        return
      default:
        return this.#emitRare(node)
    }
  }

  #emitRare(node: Extract<Node, { kind: 'assert' | 'atomic' | 'look' | 'backreference' }>): void {
    if (node.kind === 'assert') {
      this.#asserts.add(node.assert)
      if (node.assert === 'end-or-last-newline') this.#regular = false
      this.#add(op.assert, assertKinds.indexOf(node.assert))
      return
    }
    this.#regular = false
    if (node.kind === 'backreference') {
      this.#alts[this.#add(op.backreference, node.index)] = node.ignoreCase ? 1 : 0
    } else if (node.kind === 'atomic') {
      const register = this.#registerCount++
      this.#add(op.cutOpen, register)
      this.emit(node.item)
      this.#add(op.cutClose, register)
    } else this.#look(node)
  }

  #add(code: number, arg: number): number {
    const at = this.#ops.length
    if (at >= maxInstructions) throw new Error('the pattern repeats too much: it needs too many states')
    this.#ops.push(code)
    this.#args.push(arg)
    this.#nexts.push(at + 1)
    this.#alts.push(0)
    return at
  }

  #setId(set: ByteSet): number {
    const same = this.#idOfSet.get(set)
    if (same !== undefined) return same
    const id = this.#idOfContent(set)
    this.#idOfSet.set(set, id)
    return id
  }

  #idOfContent(set: ByteSet): number {
    const key = String.fromCharCode(...set)
    const known = this.#setIds.get(key)
    if (known !== undefined) return known
    this.#sets.push(set)
    this.#setIds.set(key, this.#sets.length - 1)
    return this.#sets.length - 1
  }

  #choice(items: readonly Node[]): void {
    const exits: number[] = []
    items.forEach((item, index) => {
      const split = index < items.length - 1 ? this.#add(op.split, 0) : -1
      this.emit(item)
      if (split === -1) return
      exits.push(this.#add(op.jump, 0))
      this.#alts[split] = this.#ops.length
    })
    for (const exit of exits) this.#nexts[exit] = this.#ops.length
  }

  #repeat(node: Extract<Node, { kind: 'repeat' }>): void {
    for (let count = 0; count < node.min; count++) this.emit(node.item)
    if (node.max === Infinity) return this.#loop(node)
    const splits: number[] = []
    for (let count = node.min; count < node.max; count++) {
      splits.push(this.#add(op.split, 0))
      this.emit(node.item)
    }
    for (const split of splits) this.#leave(split, node.greedy)
  }

  #loop(node: Extract<Node, { kind: 'repeat' }>): void {
    const split = this.#add(op.split, 0)
    const register = canBeEmpty(node.item) ? this.#registerCount++ : -1
    if (register !== -1) this.#add(op.loopMark, register)
    this.emit(node.item)
    if (register !== -1) this.#add(op.loopCheck, register)
    this.#nexts[this.#add(op.jump, 0)] = split
    this.#leave(split, node.greedy)
  }

  /** Lets `split` choose between its body, which follows it, and the place reached now. */
  #leave(split: number, greedy: boolean): void {
    const out = this.#ops.length
    this.#nexts[split] = greedy ? split + 1 : out
    this.#alts[split] = greedy ? out : split + 1
  }

  #look(node: Extract<Node, { kind: 'look' }>): void {
    const register = this.#registerCount++
    const open = this.#add(node.negative ? op.notLookOpen : op.lookOpen, register)
    if (node.behind) {
      const branches = node.item.kind === 'choice' ? node.item.items : [node.item]
      const items = branches.map((item) => ({ item, width: widthOf(item) }))
      this.#choiceBehind(items)
    } else this.emit(node.item)
    this.#add(node.negative ? op.notLookClose : op.lookClose, register)
    this.#alts[open] = this.#ops.length
  }

  #choiceBehind(branches: readonly { item: Node; width: number }[]): void {
    const exits: number[] = []
    branches.forEach(({ item, width }, index) => {
      const split = index < branches.length - 1 ? this.#add(op.split, 0) : -1
      this.#add(op.stepBack, width)
      this.emit(item)
      if (split === -1) return
      exits.push(this.#add(op.jump, 0))
      this.#alts[split] = this.#ops.length
    })
    for (const exit of exits) this.#nexts[exit] = this.#ops.length
  }
}

function canBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case 'set':
      return false
    case 'sequence':
      return node.items.every(canBeEmpty)
    case 'choice':
      return node.items.some(canBeEmpty)
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.item)
    case 'group':
    case 'atomic':
      return canBeEmpty(node.item)
    default:
      return true
  }
}

/** The one width that `node` matches; look-behind needs it, as in PCRE. */
function widthOf(node: Node): number {
  switch (node.kind) {
    case 'set':
      return 1
    case 'sequence':
      return node.items.reduce((sum, item) => sum + widthOf(item), 0)
    case 'group':
    case 'atomic':
      return widthOf(node.item)
    case 'repeat':
      if (node.min === node.max) return node.min * widthOf(node.item)
      break
    case 'choice': {
      const [first, ...others] = node.items.map(widthOf)
      if (others.every((width) => width === first)) return first ?? 0
      break
    }
    case 'backreference':
      break
    default:
      return 0
  }
  throw new Error('a look-behind whose width is not fixed')
}
