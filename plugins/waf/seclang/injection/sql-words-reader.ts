// Readers of names: words, quoted names, variables, numbers.
import { charClasses, endOfRun, nextMember, type SqlScan } from './sql-scan.ts'
import type { Token, TokenType } from './sql-token.ts'
import { sqlWords } from './sql-words.ts'

/** No word of the table is longer: text beyond is not looked at, so that a long value costs nothing. */
export const longestWord = 40

export function toWordText(input: string, start: number, end: number): string {
  return input.slice(start, Math.min(end, start + longestWord)).toUpperCase()
}

/** A word with its dots and backquotes, except that a keyword before one of these stands for itself: SELECT.1 */
export function readWord(scan: SqlScan): Token {
  const { input, at } = scan
  const end = nextMember(input, charClasses.wordEnds, at)
  const text = toWordText(input, at, end)
  for (let i = 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code !== 0x2e && code !== 0x60) continue
    const type = sqlWords.get(text.slice(0, i))
    if (type !== undefined && type !== 'n') return scan.take(type, i, text.slice(0, i))
  }
  const type = end - at > longestWord ? 'n' : (sqlWords.get(text) ?? 'n')
  return scan.take(type, end - at, text)
}

/** `name`: a function if it is one, else a bare word whatever it says. */
export function readBackquoted(scan: SqlScan, quoted: Token): Token {
  const text = toWordText(scan.input, quoted.start, quoted.end)
  const type: TokenType = sqlWords.get(text) === 'f' ? 'f' : 'n'
  return quoted.as(type, text)
}

/** [name] of SQL Server and Access; to the end of the input where nothing closes it. */
export function readBracketed(scan: SqlScan): Token {
  const end = scan.input.indexOf(']', scan.at)
  return scan.take('n', (end === -1 ? scan.input.length : end + 1) - scan.at)
}

export function readNumber(scan: SqlScan): Token {
  const { input, at } = scan
  const radix = input[at] === '0' ? (input[at + 1] ?? '').toLowerCase() : ''
  if (radix === 'x' || radix === 'b') {
    const members = radix === 'x' ? charClasses.hexDigits : charClasses.binaryDigits
    const end = endOfRun(input, members, at + 2)
    return scan.take(end === at + 2 ? 'n' : '1', end - at, end === at + 2 ? `0${radix.toUpperCase()}` : '')
  }
  return readDecimal(scan)
}

function readDecimal(scan: SqlScan): Token {
  const { input, at } = scan
  let end = endOfRun(input, charClasses.digits, at)
  if (input[end] === '.') {
    end = endOfRun(input, charClasses.digits, end + 1)
    if (end - at === 1) return scan.take('.', 1)
  }
  if (input[end] === 'e' || input[end] === 'E') {
    const sign = input[end + 1] === '+' || input[end + 1] === '-' ? 1 : 0
    const digitsEnd = endOfRun(input, charClasses.digits, end + 1 + sign)
    // `1.e` names a column in MySQL: no digit of an exponent follows.
    if (digitsEnd === end + 1 + sign) return scan.take('n', digitsEnd - at)
    end = digitsEnd
  }
  return scan.take('1', end + oracleSuffix(input, end) - at)
}

/** 1 where a float suffix of Oracle (1.2f, 1d) follows: before the end, a blank, `;`, or the u of 1fUNION. */
function oracleSuffix(input: string, at: number): number {
  if (!'dDfF'.includes(input[at] ?? '-')) return 0
  if (at + 1 === input.length) return 1
  const next = input.charCodeAt(at + 1)
  return charClasses.blanks[next] === 1 || next === 0x3b || next === 0x75 || next === 0x55 ? 1 : 0
}
