// Sets of bytes and the named ones of PCRE in its C locale: ASCII only, whatever the bytes above 127 may mean.
import type { ByteSet } from './syntax.ts'

export function emptySet(): ByteSet {
  return new Uint8Array(256)
}

export function setOf(...ranges: readonly (readonly [from: number, to: number])[]): ByteSet {
  const set = emptySet()
  for (const [from, to] of ranges) set.fill(1, from, to + 1)
  return set
}

export function complement(set: ByteSet): ByteSet {
  return set.map((member) => 1 - member)
}

export function addAll(target: ByteSet, source: ByteSet): void {
  for (let byte = 0; byte < 256; byte++) if (source[byte] === 1) target[byte] = 1
}

/** `set` with the other case of each ASCII letter in it. */
export function foldCase(set: ByteSet): ByteSet {
  const folded = set.slice()
  for (let upper = 65; upper <= 90; upper++) {
    if (set[upper] === 1 || set[upper + 32] === 1) folded[upper] = folded[upper + 32] = 1
  }
  return folded
}

const digit = [48, 57] as const
const upper = [65, 90] as const
const lower = [97, 122] as const

/** The sets of `\d`, `\w` and so on; the capital letter is the complement. */
export const escapedSets: Readonly<Record<string, ByteSet>> = {
  d: setOf(digit),
  w: setOf(digit, upper, lower, [95, 95]),
  s: setOf([9, 13], [32, 32]),
  h: setOf([9, 9], [32, 32], [160, 160]),
  v: setOf([10, 13], [133, 133]),
}

export const wordBytes: ByteSet = setOf(digit, upper, lower, [95, 95])

export const anyByte: ByteSet = setOf([0, 255])

export const newline: ByteSet = setOf([10, 10])

/** `[:alpha:]` and so on. */
export const posixSets: Readonly<Record<string, ByteSet>> = {
  alnum: setOf(digit, upper, lower),
  alpha: setOf(upper, lower),
  ascii: setOf([0, 127]),
  blank: setOf([9, 9], [32, 32]),
  cntrl: setOf([0, 31], [127, 127]),
  digit: setOf(digit),
  graph: setOf([33, 126]),
  lower: setOf(lower),
  print: setOf([32, 126]),
  punct: setOf([33, 47], [58, 64], [91, 96], [123, 126]),
  space: setOf([9, 13], [32, 32]),
  upper: setOf(upper),
  word: setOf(digit, upper, lower, [95, 95]),
  xdigit: setOf(digit, [65, 70], [97, 102]),
}
