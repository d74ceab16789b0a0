// What an assertion sees: the byte before a position and the byte after it.
import { wordBytes } from './byte-sets.ts'
import { assertKinds } from './program.ts'
import type { AssertKind } from './syntax.ts'

/** Bits of a context: what is known of the byte before a position. */
export const afterNothing = 1
export const afterNewline = 2
export const afterWord = 4

export const atBegin: number = afterNothing

/** The byte after the last one. */
export const endOfValue = -1

export function contextAfter(byte: number): number {
  return (byte === 10 ? afterNewline : 0) | (wordBytes[byte] === 1 ? afterWord : 0)
}

/** The bits that the assertions of a program ask for: states that differ in nothing else are one. */
export function relevantContext(asserts: ReadonlySet<AssertKind>): number {
  let bits = 0
  if (asserts.has('begin')) bits |= afterNothing
  if (asserts.has('begin-line')) bits |= afterNothing | afterNewline
  if (asserts.has('word-boundary') || asserts.has('not-word-boundary')) bits |= afterWord
  return bits
}

/** True where the byte before decides alone. */
export function isDecidedBy(assert: number, context: number): boolean {
  const kind = assertKinds[assert]
  return kind === 'begin' || (kind === 'begin-line' && (context & afterNewline) === 0)
}

/** `isLast` tells whether the next byte is the last of the value. */
export function holds(assert: number, context: number, next: number, isLast: boolean): boolean {
  switch (assertKinds[assert]) {
    case 'begin':
      return (context & afterNothing) !== 0
    case 'begin-line':
      // As in PCRE, no line begins behind a newline that ends the value.
      return (context & afterNothing) !== 0 || ((context & afterNewline) !== 0 && next !== endOfValue)
    case 'end':
      return next === endOfValue
    case 'end-line':
      return next === endOfValue || next === 10
    case 'end-or-last-newline':
      return next === endOfValue || (next === 10 && isLast)
    case 'word-boundary':
      return ((context & afterWord) !== 0) !== (wordBytes[next] === 1)
    default:
      return ((context & afterWord) !== 0) === (wordBytes[next] === 1)
  }
}
