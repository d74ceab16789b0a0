// What the readers of the SQL tokeniser share: the input, the place in it, and the classes of characters.
import { Token, type TokenType } from './sql-token.ts'

/** `--` without a blank is a comment in ANSI SQL but two minus signs in MySQL, where `#` begins a comment. */
export type Dialect = 'ansi' | 'mysql'

export class SqlScan {
  readonly input: string
  readonly dialect: Dialect
  /** Where the next token begins. */
  at = 0
  /** A `--` without a blank, or a `#`: the other dialect reads the input differently. */
  sawDialectComment = false

  constructor(input: string, dialect: Dialect) {
    this.input = input
    this.dialect = dialect
  }

  /** The token over the next `length` characters. */
  take(type: TokenType, length: number, text = ''): Token {
    const start = this.at
    this.at = start + length
    return new Token(type, text, start, this.at)
  }

  /** The string whose content is from start to end; the caller says where the scan goes on. */
  takeString(start: number, end: number, next: number): Token {
    this.at = next
    return new Token('s', '', start, end)
  }
}

function toMask(members: string): Uint8Array {
  const mask = new Uint8Array(256)
  for (let i = 0; i < members.length; i++) mask[members.charCodeAt(i)] = 1
  return mask
}

/** NUL, tab to carriage return, blank, and the no-break space of latin1 are all the blank somewhere. */
const blanks = toMask('\0\t\n\v\f\r \xa0')
/** Between tokens every control character is one too. */
const betweenTokens = toMask(`${String.fromCharCode(...Array(33).keys())}\xa0`)
const digits = toMask('0123456789')
const hexDigits = toMask('0123456789abcdefABCDEF')
const binaryDigits = toMask('01')
const moneyDigits = toMask('0123456789.,')
const letters = toMask('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
const wordEnds = toMask(' []{}<>:\\?=@!#~+-*/&|^%(),\';\t\n\v\f\r"\xa0\0')
const variableEnds = toMask(' <>:\\?=@!#~+-*/&|^%(),\';\t\n\v\f\r`"\xa0\0')
export const charClasses = {
  blanks,
  betweenTokens,
  digits,
  hexDigits,
  binaryDigits,
  moneyDigits,
  letters,
  wordEnds,
  variableEnds,
} as const

/** The end of the run of members that begins at `from`. */
export function endOfRun(input: string, mask: Uint8Array, from: number): number {
  let at = from
  while (at < input.length && mask[input.charCodeAt(at)] === 1) at++
  return at
}

/** The first member of the mask at or after `from`, or the length. */
export function nextMember(input: string, mask: Uint8Array, from: number): number {
  let at = from
  while (at < input.length && mask[input.charCodeAt(at)] !== 1) at++
  return at
}
