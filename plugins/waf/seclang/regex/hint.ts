// What every match of a pattern must hold: literals of which one occurs, bytes of which one occurs, a length. With it
// the engine passes over nearly all patterns without running them. It may promise too little, never too much.
import type { MatchHint } from '../types.ts'
import { addAll } from './byte-sets.ts'
import type { ByteSet, Node, Syntax } from './syntax.ts'

/** Literals in lower case, and a rough share of plain values that hold one of them: only the order of shares counts. */
interface Literals {
  readonly list: readonly string[]
  readonly likelihood: number
}

interface Mask {
  readonly set: ByteSet
  readonly likelihood: number
}

interface Facts {
  /** Everything that the node can match, where that is little. */
  readonly exact: readonly string[] | null
  /** One of these is in each match. */
  readonly anyOf: Literals | null
  /** Each match holds a byte of each; the most telling first. */
  readonly masks: readonly Mask[]
  readonly minLength: number
}

const maxExact = 48
const maxLiterals = 400
const maxMasks = 3
/** Literals and masks that more than this share of plain values hold are not worth a look. */
const maxLikelihood = 0.25
const nothing: Facts = { exact: [''], anyOf: null, masks: [], minLength: 0 }

/** null when nothing can be said. */
export function hintOfSyntax(syntax: Syntax): MatchHint | null {
  const facts = new Analysis().factsOf(syntax.root)
  const literals = better(literalsOf(facts.exact), facts.anyOf)
  const anyOf = literals !== null && literals.likelihood < maxLikelihood ? literals.list : null
  if (anyOf === null && facts.masks.length === 0 && facts.minLength === 0) return null
  return { anyOf, masks: facts.masks.map((mask) => mask.set), minLength: facts.minLength }
}

class Analysis {
  readonly #factsOfSet = new Map<ByteSet, Facts>()

  factsOf(node: Node): Facts {
    switch (node.kind) {
      case 'set':
        return this.#setFacts(node.set)
      case 'sequence':
        return factsOfSequence(node.items.map((item) => this.factsOf(item)))
      case 'choice':
        return factsOfChoice(node.items.map((item) => this.factsOf(item)))
      case 'repeat':
        return factsOfRepeat(this.factsOf(node.item), node.min, node.max)
      case 'group':
      case 'atomic':
        return this.factsOf(node.item)
      case 'backreference':
        return { ...nothing, exact: null }
      default:
        return nothing
    }
  }

  #setFacts(set: ByteSet): Facts {
    const known = this.#factsOfSet.get(set)
    if (known !== undefined) return known
    const facts = factsOfSet(set)
    this.#factsOfSet.set(set, facts)
    return facts
  }
}

function factsOfSet(set: ByteSet): Facts {
  const bytes = new Set<string>()
  for (let byte = 0; byte < 256; byte++) {
    if (set[byte] === 1) bytes.add(String.fromCharCode(byte >= 65 && byte <= 90 ? byte + 32 : byte))
  }
  const mask = maskOf(set)
  return {
    exact: bytes.size <= 10 ? [...bytes] : null,
    anyOf: null,
    masks: mask.likelihood < maxLikelihood ? [mask] : [],
    minLength: 1,
  }
}

function factsOfSequence(items: readonly Facts[]): Facts {
  let anyOf: Literals | null = null
  let run: readonly string[] = ['']
  let isExact = true
  let minLength = 0
  for (const item of items) {
    minLength += item.minLength
    const joined = item.exact === null ? null : product(run, item.exact)
    if (joined === null) {
      isExact = false
      anyOf = better(anyOf, better(literalsOf(run), item.anyOf))
    }
    run = joined ?? item.exact ?? ['']
  }
  return {
    exact: isExact ? run : null,
    anyOf: better(anyOf, literalsOf(run)),
    masks: bestMasks(items),
    minLength,
  }
}

function factsOfChoice(items: readonly Facts[]): Facts {
  const exact = items.every((item) => item.exact !== null) ? items.flatMap((item) => item.exact ?? []) : null
  const required = items.map((item) => better(literalsOf(item.exact), item.anyOf))
  const isKnown = required.every((literals) => literals !== null)
  const anyOf = isKnown ? distinct(required.flatMap((literals) => literals?.list ?? [])) : []
  return {
    exact: exact === null || exact.length > maxExact ? null : distinct(exact),
    anyOf: anyOf.length === 0 || anyOf.length > maxLiterals ? null : literalsOf(anyOf),
    masks: commonMask(items),
    minLength: Math.min(...items.map((item) => item.minLength)),
  }
}

function factsOfRepeat(item: Facts, min: number, max: number): Facts {
  if (min === 0) {
    const exact = max === 1 && item.exact !== null ? distinct([...item.exact, '']) : max === 0 ? [''] : null
    return { ...nothing, exact }
  }
  return {
    exact: min === 1 && max === 1 ? item.exact : null,
    anyOf: better(literalsOf(item.exact), item.anyOf),
    masks: item.masks,
    minLength: item.minLength * min,
  }
}

/** One byte of the best mask of each item is in every match; nothing where an item has none. */
function commonMask(items: readonly Facts[]): Mask[] {
  const union = new Uint8Array(256)
  const done = new Set<ByteSet>()
  for (const item of items) {
    const best = item.masks[0]
    if (best === undefined) return []
    if (!done.has(best.set)) addAll(union, best.set)
    done.add(best.set)
  }
  const mask = maskOf(union)
  return mask.likelihood < maxLikelihood ? [mask] : []
}

function bestMasks(items: readonly Facts[]): Mask[] {
  const masks = new Map<ByteSet, Mask>()
  for (const item of items) for (const mask of item.masks) masks.set(mask.set, mask)
  return [...masks.values()].sort((one, other) => one.likelihood - other.likelihood).slice(0, maxMasks)
}

function product(left: readonly string[], right: readonly string[]): readonly string[] | null {
  if (left.length * right.length > maxExact) return null
  const joined = left.flatMap((head) => right.map((tail) => head + tail))
  return left.length === 1 || right.length === 1 ? joined : distinct(joined)
}

function better(one: Literals | null, other: Literals | null): Literals | null {
  if (one === null || other === null) return one ?? other
  return other.likelihood < one.likelihood ? other : one
}

/** null when they say nothing: there is none, or an empty one among them. */
function literalsOf(list: readonly string[] | null): Literals | null {
  if (list === null || list.length === 0) return null
  let likelihood = 0
  for (const literal of list) {
    if (literal === '') return null
    let share = 20
    for (let at = 0; at < literal.length; at++) share *= frequencyOf(literal.charCodeAt(at))
    likelihood += share
  }
  return { list, likelihood }
}

function maskOf(set: ByteSet): Mask {
  let likelihood = 0
  for (let byte = 0; byte < 256; byte++) if (set[byte] === 1) likelihood += frequencyOf(byte)
  return { set, likelihood }
}

/** How often a byte turns up in headers, paths and form values; by kind only. */
function frequencyOf(byte: number): number {
  if (byte >= 97 && byte <= 122) return 0.06
  if (byte >= 48 && byte <= 57) return 0.03
  if (byte >= 65 && byte <= 90) return 0.01
  if (byte === 32) return 0.1
  const isCommonMark = byte >= 44 && byte <= 47
  return isCommonMark || byte === 95 || byte === 61 || byte === 38 || byte === 58 || byte === 59
    ? 0.02
    : 0.002
}

function distinct(literals: readonly string[]): string[] {
  return [...new Set(literals)]
}
