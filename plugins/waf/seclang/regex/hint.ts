// What every match of a pattern must hold: literals of which one occurs, bytes of which one occurs, a length. With it
// the engine passes over nearly all patterns without running them. It may promise too little, never too much.
import type { MatchHint } from '../types.ts'
import { countOf } from './byte-sets.ts'
import type { ByteSet, Node, Syntax } from './syntax.ts'

interface Facts {
  /** Everything that the node can match, in lower case, where that is little. */
  readonly exact: readonly string[] | null
  /** One of these, in lower case, is in each match. */
  readonly anyOf: readonly string[] | null
  /** Each match holds a byte of each. */
  readonly masks: readonly ByteSet[]
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
  const facts = factsOf(syntax.root)
  const anyOf = pickLiterals([facts.exact, facts.anyOf])
  const isUseful = anyOf !== null && likelihoodOf(anyOf) < maxLikelihood
  const masks = bestMasks(facts.masks)
  if (!isUseful && masks.length === 0 && facts.minLength === 0) return null
  return { anyOf: isUseful ? anyOf : null, masks, minLength: facts.minLength }
}

function factsOf(node: Node): Facts {
  switch (node.kind) {
    case 'set':
      return factsOfSet(node.set)
    case 'sequence':
      return factsOfSequence(node.items.map(factsOf))
    case 'choice':
      return factsOfChoice(node.items.map(factsOf))
    case 'repeat':
      return factsOfRepeat(factsOf(node.item), node.min, node.max)
    case 'group':
    case 'atomic':
      return factsOf(node.item)
    case 'backreference':
      return { ...nothing, exact: null }
    default:
      return nothing
  }
}

function factsOfSet(set: ByteSet): Facts {
  const bytes = new Set<string>()
  for (let byte = 0; byte < 256; byte++) {
    if (set[byte] === 1) bytes.add(String.fromCharCode(byte >= 65 && byte <= 90 ? byte + 32 : byte))
  }
  return { exact: bytes.size <= 10 ? [...bytes] : null, anyOf: null, masks: [set], minLength: 1 }
}

function factsOfSequence(items: readonly Facts[]): Facts {
  const candidates: (readonly string[] | null)[] = []
  let run: readonly string[] = ['']
  let isExact = true
  for (const item of items) {
    const joined = item.exact === null ? null : product(run, item.exact)
    if (joined === null) {
      isExact = false
      candidates.push(run, item.anyOf)
    }
    run = joined ?? item.exact ?? ['']
  }
  candidates.push(run)
  return {
    exact: isExact ? run : null,
    anyOf: pickLiterals(candidates),
    masks: bestMasks(items.flatMap((item) => item.masks)),
    minLength: items.reduce((sum, item) => sum + item.minLength, 0),
  }
}

function factsOfChoice(items: readonly Facts[]): Facts {
  const exact = items.every((item) => item.exact !== null) ? items.flatMap((item) => item.exact ?? []) : null
  const required = items.map((item) => pickLiterals([item.exact, item.anyOf]))
  const anyOf = required.some((literals) => literals === null)
    ? null
    : distinct(required.flatMap((one) => one ?? []))
  return {
    exact: exact === null || exact.length > maxExact ? null : distinct(exact),
    anyOf: anyOf === null || anyOf.length > maxLiterals ? null : anyOf,
    masks: commonMask(items),
    minLength: Math.min(...items.map((item) => item.minLength)),
  }
}

function factsOfRepeat(item: Facts, min: number, max: number): Facts {
  if (min === 0) {
    const exact = max === 1 && item.exact !== null ? distinct([...item.exact, '']) : max === 0 ? [''] : null
    return { ...nothing, exact }
  }
  const isOnce = min === 1 && max === 1
  return {
    exact: isOnce ? item.exact : null,
    anyOf: pickLiterals([item.exact, item.anyOf]),
    masks: item.masks,
    minLength: item.minLength * min,
  }
}

/** One byte of the best mask of each item is in every match; nothing where an item has none. */
function commonMask(items: readonly Facts[]): ByteSet[] {
  const union = new Uint8Array(256)
  for (const item of items) {
    const [best] = bestMasks(item.masks)
    if (best === undefined) return []
    for (let byte = 0; byte < 256; byte++) if (best[byte] === 1) union[byte] = 1
  }
  return countOf(union) === 256 ? [] : [union]
}

function product(left: readonly string[], right: readonly string[]): string[] | null {
  if (left.length * right.length > maxExact) return null
  return distinct(left.flatMap((head) => right.map((tail) => head + tail)))
}

/** The list that the fewest plain values hold; null when none says anything. */
function pickLiterals(candidates: readonly (readonly string[] | null)[]): readonly string[] | null {
  let best: readonly string[] | null = null
  for (const literals of candidates) {
    if (literals === null || literals.some((literal) => literal === '')) continue
    if (best === null || likelihoodOf(literals) < likelihoodOf(best)) best = literals
  }
  return best
}

function bestMasks(masks: readonly ByteSet[]): ByteSet[] {
  const keys = new Set<string>()
  return masks
    .map((mask) => ({ mask, likelihood: likelihoodOfMask(mask), key: mask.join('') }))
    .filter(({ likelihood, key }) => likelihood < maxLikelihood && !keys.has(key) && keys.add(key))
    .sort((one, other) => one.likelihood - other.likelihood)
    .slice(0, maxMasks)
    .map(({ mask }) => mask)
}

/** A rough share of plain values that hold one of the literals; only their order counts. */
function likelihoodOf(literals: readonly string[]): number {
  let sum = 0
  for (const literal of literals) {
    let likelihood = 20
    for (let at = 0; at < literal.length; at++) likelihood *= frequencyOf(literal.charCodeAt(at))
    sum += likelihood
  }
  return sum
}

function likelihoodOfMask(mask: ByteSet): number {
  let sum = 0
  for (let byte = 0; byte < 256; byte++) if (mask[byte] === 1) sum += frequencyOf(byte)
  return sum
}

/** How often a byte turns up in headers, paths and form values; by kind only. */
function frequencyOf(byte: number): number {
  if (byte === 32) return 0.1
  if (byte >= 97 && byte <= 122) return 0.06
  if (byte >= 48 && byte <= 57) return 0.03
  if (byte >= 65 && byte <= 90) return 0.01
  return '-./_=&:,;'.includes(String.fromCharCode(byte)) ? 0.02 : 0.002
}

function distinct(literals: readonly string[]): string[] {
  return [...new Set(literals)]
}
