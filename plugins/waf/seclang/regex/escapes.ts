// The escapes of PCRE that stand for one byte or a set of bytes, inside and outside of a class.
import { complement, escapedSets } from './byte-sets.ts'
import { type ByteSet, PatternError } from './syntax.ts'

/** A byte or a set, and where the pattern goes on. */
export interface Escaped {
  readonly byte: number | null
  readonly set: ByteSet | null
  readonly next: number
}

const controls: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 }

/** Reads the escape whose backslash is at `at`; null when it stands for neither a byte nor a set. */
export function readEscape(source: string, at: number): Escaped | null {
  const letter = source[at + 1]
  if (letter === undefined) throw new PatternError('a backslash ends the pattern', source, at)
  const set = setOfLetter(letter)
  if (set !== null) return { byte: null, set, next: at + 2 }
  const control = controls[letter]
  if (control !== undefined) return { byte: control, set: null, next: at + 2 }
  if (letter === 'x') return readHex(source, at)
  if (letter === 'c') return readControl(source, at)
  if (letter === '0') return readOctal(source, at, at + 1)
  if (/[A-Za-z0-9]/.test(letter)) return null
  return { byte: source.charCodeAt(at + 1), set: null, next: at + 2 }
}

function setOfLetter(letter: string): ByteSet | null {
  const lower = letter.toLowerCase()
  const set = escapedSets[lower]
  if (set === undefined) return null
  return letter === lower ? set : complement(set)
}

function readHex(source: string, at: number): Escaped {
  const braced = /^\{([0-9a-fA-F]+)\}/.exec(source.slice(at + 2, at + 12))
  const digits = braced?.[1] ?? /^[0-9a-fA-F]{0,2}/.exec(source.slice(at + 2, at + 4))?.[0] ?? ''
  const byte = digits === '' ? 0 : Number.parseInt(digits, 16)
  if (byte > 255) throw new PatternError('a code above 0xff, where patterns match bytes,', source, at)
  return { byte, set: null, next: at + 2 + (braced?.[0] ?? digits).length }
}

function readControl(source: string, at: number): Escaped {
  const letter = source[at + 2]?.toUpperCase()
  if (letter === undefined) throw new PatternError('\\c without a letter', source, at)
  return { byte: (letter.charCodeAt(0) ^ 64) & 255, set: null, next: at + 3 }
}

/** Up to three octal digits from `from`. */
export function readOctal(source: string, at: number, from: number): Escaped {
  const digits = /^[0-7]{1,3}/.exec(source.slice(from, from + 3))?.[0]
  if (digits === undefined) throw new PatternError('a reference to a group that does not exist', source, at)
  return { byte: Number.parseInt(digits, 8) & 255, set: null, next: from + digits.length }
}
