// Tells from one look at a value which of all rules can match it. Each rule with a hint has a bit; a text's candidates are
// the rules whose literals occur and whose character masks are met. Built at load; `candidatesOf` runs for every value.

import { createLiteralAutomaton } from './regex/automaton.ts'
import type { Text } from './text.ts'
import type { LiteralAutomaton, MatchHint } from './types.ts'

/** So many masks are told apart (a number is the key of the row cache); rules share most of them. */
const maskLimit = 50
const rowCacheLimit = 4096

export class PrefilterBuilder {
  readonly #hints: MatchHint[] = []
  readonly #bits = new Map<MatchHint, number>()

  /** Links with the very same operator share a bit. */
  add(hint: MatchHint): number {
    const known = this.#bits.get(hint)
    if (known !== undefined) return known
    this.#bits.set(hint, this.#hints.length)
    this.#hints.push(hint)
    return this.#hints.length - 1
  }

  build(): Prefilter {
    return new Prefilter(this.#hints)
  }
}

export class Prefilter {
  /** Of a bit set over all rules with a hint. */
  readonly words: number
  /** No rule at all. */
  readonly none: Int32Array
  readonly #automaton: LiteralAutomaton
  readonly #hits: Uint32Array
  /** By literal: the bits of the rules that it lets through. */
  readonly #bitsOfLiteral: readonly (readonly number[])[]
  /** Rules without a literal. */
  readonly #free: Int32Array
  /** By mask: the rules that need it. */
  readonly #needing: readonly Int32Array[]
  readonly #lowMasks = new Int32Array(256)
  readonly #highMasks = new Int32Array(256)
  /** By the masks that a value meets: the rules whose masks are all met. Bounded. */
  readonly #rows = new Map<number, { readonly allowed: Int32Array; readonly free: Int32Array }>()

  constructor(hints: readonly MatchHint[]) {
    this.words = Math.max(1, Math.ceil(hints.length / 32))
    this.none = new Int32Array(this.words)
    const literals = new Map<string, number[]>()
    this.#free = new Int32Array(this.words)
    for (const [bit, hint] of hints.entries()) {
      if (hint.anyOf === null) setBit(this.#free, bit)
      else for (const literal of hint.anyOf) listIn(literals, literal).push(bit)
    }
    this.#automaton = createLiteralAutomaton([...literals.keys()])
    this.#bitsOfLiteral = [...literals.values()]
    this.#hits = new Uint32Array(Math.max(1, Math.ceil(literals.size / 32)))
    const masks = pickMasks(hints)
    this.#needing = masks.map(({ bits }) => bitSet(bits, this.words))
    for (const [index, { mask }] of masks.entries()) this.#addMask(index, mask)
  }

  #addMask(index: number, mask: Uint8Array): void {
    const table = index < 25 ? this.#lowMasks : this.#highMasks
    const bit = 1 << (index % 25)
    for (let char = 0; char < 256; char++) if (mask[char] === 1) table[char] = (table[char] as number) | bit
  }

  /** A bit set over the rules with hints: those that can match the value. Kept in the text. */
  candidatesOf(text: Text): Int32Array {
    const { value } = text
    let low = 0
    let high = 0
    const lowMasks = this.#lowMasks
    const highMasks = this.#highMasks
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i) & 0xff
      low |= lowMasks[code] as number
      high |= highMasks[code] as number
    }
    const row = this.#rowFor(low, high)
    const found = this.#automaton.scan(value, this.#hits)
    const candidates = found ? this.#withLiterals(row) : row.free
    text.candidates = candidates
    return candidates
  }

  #withLiterals(row: { readonly allowed: Int32Array; readonly free: Int32Array }): Int32Array {
    const candidates = new Int32Array(this.words)
    const hits = this.#hits
    for (let word = 0; word < hits.length; word++) {
      let rest = hits[word] as number
      while (rest !== 0) {
        const low = 31 - Math.clz32(rest & -rest)
        rest &= rest - 1
        for (const bit of this.#bitsOfLiteral[word * 32 + low] as readonly number[]) setBit(candidates, bit)
      }
      hits[word] = 0
    }
    for (let word = 0; word < candidates.length; word++) {
      const allowed = row.allowed[word] as number
      candidates[word] = ((candidates[word] as number) & allowed) | (row.free[word] as number)
    }
    return candidates
  }

  #rowFor(low: number, high: number): { readonly allowed: Int32Array; readonly free: Int32Array } {
    const key = high * 0x2000000 + low
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const allowed = new Int32Array(this.words).fill(-1)
    for (const [index, needing] of this.#needing.entries()) {
      const met = ((index < 25 ? low : high) >>> (index % 25)) & 1
      if (met === 0)
        for (let i = 0; i < allowed.length; i++) allowed[i] = (allowed[i] as number) & ~(needing[i] as number)
    }
    const row = { allowed, free: allowed.map((word, i) => word & (this.#free[i] as number)) }
    if (this.#rows.size >= rowCacheLimit) this.#rows.clear()
    this.#rows.set(key, row)
    return row
  }
}

interface UsedMask {
  readonly mask: Uint8Array
  readonly bits: number[]
}

/** The masks that most rules use. A rule whose mask is left out is let through more often, never less. */
function pickMasks(hints: readonly MatchHint[]): UsedMask[] {
  const used = new Map<string, UsedMask>()
  for (const [bit, hint] of hints.entries()) {
    for (const mask of hint.masks) {
      const key = mask.join('')
      const known = used.get(key) ?? { mask, bits: [] }
      known.bits.push(bit)
      used.set(key, known)
    }
  }
  return [...used.values()].sort((a, b) => b.bits.length - a.bits.length).slice(0, maskLimit)
}

function listIn(map: Map<string, number[]>, key: string): number[] {
  const known = map.get(key)
  if (known !== undefined) return known
  const list: number[] = []
  map.set(key, list)
  return list
}

function setBit(words: Int32Array, bit: number): void {
  words[bit >>> 5] = (words[bit >>> 5] as number) | (1 << (bit & 31))
}

function bitSet(bits: readonly number[], words: number): Int32Array {
  const set = new Int32Array(words)
  for (const bit of bits) setBit(set, bit)
  return set
}
