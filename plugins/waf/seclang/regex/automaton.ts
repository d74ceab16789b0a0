// Finds which of many literals occur in a value, in one pass (Aho and Corasick): behind @pm, and before the rules.
//
// A state with several ways on has a dense row; the others, nearly all, have one way on and a state to fall back to. So
// a thousand phrases take some hundred KB instead of many MB, and the work stays linear: falling back undoes a step.
import type { LiteralAutomaton } from '../types.ts'
import { buildTrie, childOf, type Trie } from './trie.ts'

export interface LiteralFinder extends LiteralAutomaton {
  /** The literal that ends first, the longest of those that do, and where it ends; null when there is none. */
  findFirst(value: string): { readonly literal: number; readonly end: number } | null
}

/** `bits`: what `scan` sets for each literal; its index without them. */
export function createLiteralAutomaton(literals: readonly string[], bits?: readonly number[]): LiteralFinder {
  return new AhoCorasick(literals, bits ?? [...literals.keys()])
}

const none = -1

class AhoCorasick implements LiteralFinder {
  readonly #classOf: Uint8Array
  /** Offset of a state's dense row, or -1: then `#edgeClass` and `#edgeTo` are its only way on. */
  readonly #rowOf: Int32Array
  readonly #rows: Int32Array
  readonly #edgeClass: Uint8Array
  readonly #edgeTo: Int32Array
  readonly #fallback: Int32Array
  /** First literal that ends in a state, or -1; further ones of the same text by `#nextSame`. */
  readonly #literalAt: Int32Array
  readonly #nextSame: Int32Array
  /** The nearest state along the fallbacks, itself included, in which a literal ends; 0 for none. */
  readonly #report: Int32Array
  readonly #always: readonly number[]
  readonly #bits: Int32Array

  constructor(literals: readonly string[], bits: readonly number[]) {
    this.#bits = Int32Array.from(bits)
    const trie = buildTrie(literals)
    const { fallback, order } = fallbacksOf(trie)
    this.#classOf = trie.classOf
    this.#literalAt = trie.literalAt.slice(0, trie.size)
    this.#nextSame = trie.nextSame
    this.#always = trie.empty
    this.#fallback = fallback
    this.#report = new Int32Array(trie.size)
    this.#rowOf = new Int32Array(trie.size).fill(none)
    this.#edgeClass = new Uint8Array(trie.size)
    this.#edgeTo = new Int32Array(trie.size)
    this.#rows = new Int32Array(rowCount(trie) * trie.classCount)
    this.#fill(trie, order)
  }

  /** In order of depth, so that whatever a state falls back to is complete. */
  #fill(trie: Trie, order: Int32Array): void {
    let used = 0
    for (const state of order) {
      const back = this.#fallback[state] as number
      this.#report[state] = this.#literalAt[state] === none ? (this.#report[back] as number) : state
      const first = trie.firstChild[state] as number
      if (state !== 0 && trie.childCount[state] === 1) {
        this.#edgeClass[state] = trie.classInto[first] as number
        this.#edgeTo[state] = first
        continue
      }
      this.#rowOf[state] = used
      if (state !== 0)
        for (let index = 0; index < trie.classCount; index++)
          this.#rows[used + index] = this.#next(back, index)
      for (let child = first; child !== 0; child = trie.nextSibling[child] as number) {
        this.#rows[used + (trie.classInto[child] as number)] = child
      }
      used += trie.classCount
    }
  }

  #next(from: number, index: number): number {
    let state = from
    for (;;) {
      const row = this.#rowOf[state] as number
      if (row !== none) return this.#rows[row + index] as number
      if (this.#edgeClass[state] === index) return this.#edgeTo[state] as number
      state = this.#fallback[state] as number
    }
  }

  scan(value: string, hits: Uint32Array): boolean {
    const classOf = this.#classOf
    const report = this.#report
    let found = this.#always.length > 0
    for (const literal of this.#always) setBit(hits, this.#bits[literal] as number)
    let state = 0
    for (let at = 0; at < value.length; at++) {
      state = this.#next(state, classOf[value.charCodeAt(at) & 255] as number)
      const reported = report[state] as number
      if (reported === 0) continue
      found = true
      this.#mark(reported, hits)
    }
    return found
  }

  #mark(reported: number, hits: Uint32Array): void {
    for (let state = reported; state !== 0; state = this.#report[this.#fallback[state] as number] as number) {
      let literal = this.#literalAt[state] as number
      for (; literal !== none; literal = this.#nextSame[literal] as number) {
        setBit(hits, this.#bits[literal] as number)
      }
    }
  }

  findFirst(value: string): { literal: number; end: number } | null {
    const always = this.#always[0]
    if (always !== undefined) return { literal: always, end: 0 }
    let state = 0
    for (let at = 0; at < value.length; at++) {
      state = this.#next(state, this.#classOf[value.charCodeAt(at) & 255] as number)
      const reported = this.#report[state] as number
      if (reported !== 0) return { literal: this.#literalAt[reported] as number, end: at + 1 }
    }
    return null
  }
}

function setBit(hits: Uint32Array, index: number): void {
  const word = index >>> 5
  hits[word] = (hits[word] as number) | (1 << (index & 31))
}

/** States that get a dense row: all but those with one way on. */
function rowCount(trie: Trie): number {
  let count = 1
  for (let state = 1; state < trie.size; state++) if (trie.childCount[state] !== 1) count++
  return count
}

/** For each state the longest other one that is an end of it; and all states, shallow ones first. */
function fallbacksOf(trie: Trie): { fallback: Int32Array; order: Int32Array } {
  const fallback = new Int32Array(trie.size)
  const order = new Int32Array(trie.size)
  let end = 1
  for (let at = 0; at < end; at++) {
    const state = order[at] as number
    for (
      let child = trie.firstChild[state] as number;
      child !== 0;
      child = trie.nextSibling[child] as number
    ) {
      order[end] = child
      end++
      if (state !== 0) fallback[child] = fallbackOf(trie, fallback, child)
    }
  }
  return { fallback, order }
}

function fallbackOf(trie: Trie, fallback: Int32Array, child: number): number {
  const way = trie.classInto[child] as number
  let state = fallback[trie.parent[child] as number] as number
  for (;;) {
    const found = childOf(trie, state, way)
    if (found !== 0) return found
    if (state === 0) return 0
    state = fallback[state] as number
  }
}
