// Tells from one look at a value which of all rules can match it. Each rule with a hint has a bit; a text's candidates are
// the rules whose literals occur and whose character masks are met. Built at load; `candidatesOf` runs for every value.

import { Candidates } from './candidates.ts'
import { createLiteralAutomaton } from './regex/automaton.ts'
import type { Text } from './text.ts'
import type { LiteralAutomaton, MatchHint, Operator } from './types.ts'

/** Of operators that may match anything. */
const anything: MatchHint = { anyOf: null, masks: [], minLength: 0 }

export class PrefilterBuilder {
  readonly #hints: MatchHint[] = []
  readonly #bits = [new Map<Operator, number>(), new Map<Operator, number>()] as const

  /** Links with the very same operator share a bit. Nothing is known of what a negated operator matches. */
  add(operator: Operator, negated: boolean): number {
    const bits = this.#bits[negated ? 1 : 0]
    const known = bits.get(operator)
    if (known !== undefined) return known
    bits.set(operator, this.#hints.length)
    this.#hints.push(negated ? anything : (operator.hint ?? anything))
    return this.#hints.length - 1
  }

  build(): Prefilter {
    return new Prefilter(this.#hints)
  }
}

/** What the characters and the length of a value say; many values share a row. */
interface Row {
  /** Rules whose masks and least length are met. */
  readonly allowed: Int32Array
  /** Those of them that need no literal. */
  readonly free: Candidates
}

/** Masks in each of the three numbers that make the key of a row. */
const masksInNumber = 26
const maskLimit = 3 * masksInNumber
const rowLimit = 8192

export class Prefilter {
  /** Of a bit set over all rules with a hint. */
  readonly words: number
  /** No rule at all. */
  readonly none: Candidates
  readonly #hints: readonly MatchHint[]
  readonly #automaton: LiteralAutomaton
  readonly #hits: Uint32Array
  /** By hit: the rules that it lets through. */
  readonly #letThrough: readonly Int32Array[]
  /** Rules without a literal. */
  readonly #free: Int32Array
  /** By mask: the rules that need it. */
  readonly #needing: readonly Int32Array[]
  readonly #charMasks = [new Int32Array(256), new Int32Array(256), new Int32Array(256)] as const
  /** Least lengths, ascending; a value's length falls between two of them. */
  readonly #lengths: readonly number[]
  /** By the place of the length, then by the masks that are met. Bounded. */
  #rows: Map<number, Map<number, Row>>[] = []
  #rowCount = 0
  #unionCount = 0

  constructor(hints: readonly MatchHint[]) {
    this.#hints = hints
    this.words = Math.max(1, Math.ceil(hints.length / 32))
    this.none = new Candidates(new Int32Array(this.words))
    this.#free = bitSet(
      [...hints.keys()].filter((bit) => hints[bit]?.anyOf === null),
      this.words,
    )
    const { literals, outputs, letThrough } = groupLiterals(hints, this.words)
    this.#automaton = createLiteralAutomaton(literals, outputs)
    this.#letThrough = letThrough
    this.#hits = new Uint32Array(Math.max(1, Math.ceil(letThrough.length / 32)))
    const masks = pickMasks(hints)
    this.#needing = masks.map(({ bits }) => bitSet(bits, this.words))
    for (const [index, { mask }] of masks.entries()) this.#addMask(index, mask)
    this.#lengths = [...new Set(hints.map((hint) => Math.min(hint.minLength, 255)))].sort((a, b) => a - b)
  }

  #addMask(index: number, mask: Uint8Array): void {
    const table = this.#charMasks[Math.floor(index / masksInNumber)] as Int32Array
    const bit = 1 << (index % masksInNumber)
    for (let char = 0; char < 256; char++) if (mask[char] === 1) table[char] = (table[char] as number) | bit
  }

  nextUnion(): number {
    this.#unionCount++
    return this.#unionCount
  }

  /** A bit set over the rules with hints: those that can match the value. Kept in the text. */
  candidatesOf(text: Text): Candidates {
    const { value } = text
    const [first, second, third] = this.#charMasks
    let low = 0
    let middle = 0
    let high = 0
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i) & 0xff
      low |= first[code] as number
      middle |= second[code] as number
      high |= third[code] as number
    }
    const row = this.#rowOf(value.length, low + middle * 0x4000000, high)
    const candidates = this.#automaton.scan(value, this.#hits) ? this.#withLiterals(row) : row.free
    text.candidates = candidates
    return candidates
  }

  #withLiterals(row: Row): Candidates {
    const candidates = new Int32Array(this.words)
    const hits = this.#hits
    for (let word = 0; word < hits.length; word++) {
      for (let rest = hits[word] as number; rest !== 0; rest &= rest - 1) {
        addBits(candidates, this.#letThrough[word * 32 + 31 - Math.clz32(rest & -rest)] as Int32Array)
      }
      hits[word] = 0
    }
    const { allowed, free } = row
    for (let word = 0; word < candidates.length; word++) {
      candidates[word] =
        ((candidates[word] as number) & (allowed[word] as number)) | (free.bits[word] as number)
    }
    return new Candidates(candidates)
  }

  #rowOf(length: number, masks: number, more: number): Row {
    let place = 0
    const lengths = this.#lengths
    while (place < lengths.length && (lengths[place] as number) <= length) place++
    const row = this.#rows[place]?.get(masks)?.get(more)
    return row ?? this.#addRow(place, masks, more)
  }

  #addRow(place: number, masks: number, more: number): Row {
    if (this.#rowCount++ >= rowLimit) {
      this.#rows = []
      this.#rowCount = 0
    }
    const row = this.#makeRow(place, [masks % 0x4000000, Math.floor(masks / 0x4000000), more])
    const byMasks = this.#rows[place] ?? new Map<number, Map<number, Row>>()
    this.#rows[place] = byMasks
    const byMore = byMasks.get(masks) ?? new Map<number, Row>()
    byMasks.set(masks, byMore)
    byMore.set(more, row)
    return row
  }

  #makeRow(place: number, met: readonly number[]): Row {
    const allowed = new Int32Array(this.words)
    const least = place === 0 ? -1 : (this.#lengths[place - 1] as number)
    for (const [bit, hint] of this.#hints.entries()) {
      if (Math.min(hint.minLength, 255) <= least) addBits(allowed, bitSet([bit], this.words))
    }
    for (const [index, needing] of this.#needing.entries()) {
      const number = met[Math.floor(index / masksInNumber)] as number
      if (((number >>> (index % masksInNumber)) & 1) === 0) removeBits(allowed, needing)
    }
    const free = new Candidates(allowed.map((word, i) => word & (this.#free[i] as number)))
    return { allowed, free: free.isEmpty() ? this.none : free }
  }
}

interface LiteralGroups {
  readonly literals: readonly string[]
  /** For each literal its hit. */
  readonly outputs: readonly number[]
  /** For each hit the rules. */
  readonly letThrough: readonly Int32Array[]
}

/** Literals that let the same rules through are one hit: a list of a thousand words is one bit. */
function groupLiterals(hints: readonly MatchHint[], words: number): LiteralGroups {
  const rulesOf = new Map<string, number[]>()
  for (const [bit, hint] of hints.entries()) {
    for (const literal of new Set(hint.anyOf ?? [])) {
      const rules = rulesOf.get(literal)
      if (rules === undefined) rulesOf.set(literal, [bit])
      else rules.push(bit)
    }
  }
  const hits = new Map<string, number>()
  const letThrough: Int32Array[] = []
  const outputs: number[] = []
  for (const rules of rulesOf.values()) {
    const key = rules.join()
    const hit = hits.get(key) ?? letThrough.push(bitSet(rules, words)) - 1
    hits.set(key, hit)
    outputs.push(hit)
  }
  return { literals: [...rulesOf.keys()], outputs, letThrough }
}

interface UsedMask {
  readonly mask: Uint8Array
  readonly bits: number[]
  /** Rules that have no literal to be held back by. */
  free: number
}

/** Those of rules without a literal first, then those that most rules use. A rule whose mask is left out is let through more often, never less. */
function pickMasks(hints: readonly MatchHint[]): UsedMask[] {
  const used = new Map<string, UsedMask>()
  for (const [bit, hint] of hints.entries()) {
    for (const mask of hint.masks) {
      const key = mask.join('')
      const known = used.get(key) ?? { mask, bits: [], free: 0 }
      known.bits.push(bit)
      if (hint.anyOf === null) known.free++
      used.set(key, known)
    }
  }
  return [...used.values()]
    .sort((a, b) => b.free - a.free || b.bits.length - a.bits.length)
    .slice(0, maskLimit)
}

function bitSet(bits: readonly number[], words: number): Int32Array {
  const set = new Int32Array(words)
  for (const bit of bits) set[bit >>> 5] = (set[bit >>> 5] as number) | (1 << (bit & 31))
  return set
}

function addBits(set: Int32Array, more: Int32Array): void {
  for (let word = 0; word < set.length; word++) set[word] = (set[word] as number) | (more[word] as number)
}

function removeBits(set: Int32Array, less: Int32Array): void {
  for (let word = 0; word < set.length; word++) set[word] = (set[word] as number) & ~(less[word] as number)
}
