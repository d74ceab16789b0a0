// A value under inspection, with all that was found out about it, so that no rule does the work of another again.

import { Candidates } from './candidates.ts'

/** One byte string. Equal strings may have several; what `TextAnalyzer` and the transformation tree find is kept here. */
export class Text {
  readonly value: string
  /** Bit set of the transformations that might change the value; -1: not looked at yet. */
  triggers = -1
  /** Bit set of the rules whose hint the value meets; null: not looked at yet. */
  candidates: Candidates | null = null
  /** Results of transformations, in pairs of arrays: a value has few. */
  derivedBy: number[] | null = null
  derived: Text[] | null = null
  /** True for texts that outlive the transaction (text-cache.ts). */
  readonly kept: boolean
  #ownCandidates = false

  constructor(value: string, kept = false) {
    this.value = value
    this.kept = kept
  }

  /** The rule with that bit was run and does not match: it is no candidate any more. Sets are shared, so this takes a copy. */
  refute(bit: number, none: Candidates): void {
    const { candidates } = this
    if (candidates === null || candidates === none) return
    const own = this.#ownCandidates ? candidates : new Candidates(candidates.bits.slice())
    own.bits[bit >>> 5] = (own.bits[bit >>> 5] as number) & ~(1 << (bit & 31))
    this.#ownCandidates = !own.isEmpty()
    this.candidates = this.#ownCandidates ? own : none
  }
}

/** A member of a collection: ARGS:q is the entry with the key `q` of ARGS; the key of a scalar is empty. */
export class Entry {
  readonly key: string
  readonly text: Text
  #folded: string | null = null

  constructor(key: string, text: Text) {
    this.key = key
    this.text = text
  }

  /** The key in lower case, as selectors compare it. */
  get folded(): string {
    this.#folded ??= this.key.toLowerCase()
    return this.#folded
  }
}

export function entryOf(key: string, value: string): Entry {
  return new Entry(key, new Text(value))
}
