// SQL as all its dialects at once: which reader begins at which character. Called by folding.
import { charClasses, type Dialect, endOfRun, nextMember, SqlScan } from './sql-scan.ts'
import {
  readDollar,
  readNationalString,
  readOracleString,
  readPrefixedString,
  readQuoted,
  readQuotedNumber,
  readUnicodeString,
} from './sql-strings.ts'
import type { Token, TokenType } from './sql-token.ts'
import { operatorPairs } from './sql-words.ts'
import { readBackquoted, readBracketed, readNumber, readWord } from './sql-words-reader.ts'

/** Where the value stands in the query: by itself, or inside a string that the query has opened. */
export type Surrounding = '' | "'" | '"'

type Reader = (scan: SqlScan) => Token

export class SqlTokeniser {
  readonly scan: SqlScan
  readonly surrounding: Surrounding
  /** Tokens read so far; folding only ever makes fewer of them. */
  count = 0
  /** Some of them were comments. */
  sawComment = false
  #last: Token | null = null

  constructor(input: string, surrounding: Surrounding, dialect: Dialect) {
    this.scan = new SqlScan(input, dialect)
    this.surrounding = surrounding
  }

  /** null at the end of the input. */
  next(): Token | null {
    const { scan } = this
    if (this.count === 0 && this.surrounding !== '') return this.#note(readQuoted(scan, this.surrounding, 0))
    scan.at = endOfRun(scan.input, charClasses.betweenTokens, scan.at)
    if (scan.at >= scan.input.length) return null
    return this.#note((readers[scan.input.charCodeAt(scan.at)] as Reader)(scan))
  }

  /** The last token of the input. Call it after next() has answered at least one token. */
  readToEnd(): Token {
    while (this.next() !== null);
    return this.#last as Token
  }

  #note(token: Token): Token {
    this.count++
    this.#last = token
    if (token.type === 'c') this.sawComment = true
    return token
  }
}

function readerOf(char: string): Reader {
  if (/[0-9.]/.test(char)) return readNumber
  if (/['"]/.test(char)) return (scan) => readQuoted(scan, char, 1)
  if (/[(),;}{]/.test(char)) return (scan) => scan.take(char as TokenType, 1)
  if (/[%+^~]/.test(char)) return (scan) => scan.take('o', 1, char)
  if (/[!&*:<=>|]/.test(char)) return readOperator
  if (/[?\]]/.test(char)) return (scan) => scan.take('?', 1)
  return byLetter.get(char.toLowerCase()) ?? readWord
}

const byLetter: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['#', readHash],
  ['-', readDash],
  ['/', readSlash],
  ['\\', readBackslash],
  ['@', readVariable],
  ['$', readDollar],
  ['[', readBracketed],
  ['`', (scan) => readBackquoted(scan, readQuoted(scan, '`', 1))],
  ['b', (scan) => readQuotedNumber(scan, charClasses.binaryDigits)],
  ['x', (scan) => readQuotedNumber(scan, charClasses.hexDigits)],
  ['e', readPrefixedString],
  ['n', readNationalString],
  ['q', (scan) => readOracleString(scan, 0)],
  ['u', readUnicodeString],
])

function readOperator(scan: SqlScan): Token {
  const { input, at } = scan
  if (input.startsWith('<=>', at)) return scan.take('o', 3, '<=>')
  const pair = input.slice(at, at + 2)
  const type = operatorPairs.get(pair)
  if (type !== undefined) return scan.take(type, 2, pair)
  return input[at] === ':' ? scan.take(':', 1) : scan.take('o', 1, input.charAt(at))
}

function readLineComment(scan: SqlScan): Token {
  const end = scan.input.indexOf('\n', scan.at)
  return scan.take('c', (end === -1 ? scan.input.length : end) - scan.at)
}

function readHash(scan: SqlScan): Token {
  scan.sawDialectComment = true
  return scan.dialect === 'mysql' ? readLineComment(scan) : scan.take('o', 1, '#')
}

function readDash(scan: SqlScan): Token {
  const { input, at } = scan
  if (input[at + 1] !== '-') return scan.take('o', 1, '-')
  if (at + 2 === input.length || charClasses.blanks[input.charCodeAt(at + 2)] === 1)
    return readLineComment(scan)
  if (scan.dialect === 'mysql') return scan.take('o', 1, '-')
  scan.sawDialectComment = true
  return readLineComment(scan)
}

/**
 * A comment that MySQL executes, or one inside another (which only PostgreSQL allows), has no honest use in a value:
 * evil.
 */
function readSlash(scan: SqlScan): Token {
  const { input, at } = scan
  if (input[at + 1] !== '*') return scan.take('o', 1, '/')
  const end = input.indexOf('*/', at + 2)
  const length = (end === -1 ? input.length : end + 2) - at
  if (input[at + 2] === '!') return scan.take('X', length)
  const nested = end === -1 ? -1 : input.indexOf('/*', at + 2)
  return scan.take(nested !== -1 && nested <= end ? 'X' : 'c', length)
}

/** \N is NULL in MySQL; another backslash is left to folding. */
function readBackslash(scan: SqlScan): Token {
  return scan.input[scan.at + 1] === 'N' ? scan.take('1', 2) : scan.take('\\', 1)
}

/** @name, @@name, and the quoted forms of MySQL. */
function readVariable(scan: SqlScan): Token {
  const { input, at } = scan
  const name = input[at + 1] === '@' ? at + 2 : at + 1
  const quote = input[name]
  if (quote === '`' || quote === "'" || quote === '"') {
    scan.at = name
    return readQuoted(scan, quote, 1).as('v', '')
  }
  return scan.take('v', nextMember(input, charClasses.variableEnds, name) - at)
}

/** By byte value. */
const readers: readonly Reader[] = Array.from({ length: 256 }, (_, code) =>
  readerOf(String.fromCharCode(code)),
)
