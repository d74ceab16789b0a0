// Readers of everything that SQL dialects quote. Each begins at scan.at and moves it past what it read.
import { charClasses, endOfRun, type SqlScan } from './sql-scan.ts'
import type { Token } from './sql-token.ts'
import { readWord } from './sql-words-reader.ts'

/**
 * A string up to its closing quote or the end of the input; a backslash or a doubled quote escapes. `lead` characters
 * (a prefix and the quote) are not content: 0 where the input begins inside the string.
 */
export function readQuoted(scan: SqlScan, quote: string, lead: number): Token {
  const { input } = scan
  const start = scan.at + lead
  const open = lead > 0 ? quote : ''
  let end = input.indexOf(quote, start)
  while (end !== -1) {
    if (isEscaped(input, start, end)) end = input.indexOf(quote, end + 1)
    else if (input[end + 1] === quote) end = input.indexOf(quote, end + 2)
    else return scan.takeString(start, end, end + 1).quoted(open, quote)
  }
  return scan.takeString(start, input.length, input.length).quoted(open, '')
}

/** An odd number of backslashes before it. */
function isEscaped(input: string, start: number, at: number): boolean {
  let slash = at - 1
  while (slash >= start && input.charCodeAt(slash) === 0x5c) slash--
  return (at - 1 - slash) % 2 === 1
}

/** e'...' of PostgreSQL and n'...' of the standard; an ordinary word otherwise. */
export function readPrefixedString(scan: SqlScan): Token {
  const { input, at } = scan
  if (at + 2 >= input.length || input[at + 1] !== "'") return readWord(scan)
  return readQuoted(scan, "'", 2)
}

/** u&'...' */
export function readUnicodeString(scan: SqlScan): Token {
  const { input, at } = scan
  if (at + 2 >= input.length || input[at + 1] !== '&' || input[at + 2] !== "'") return readWord(scan)
  const inner = readQuoted(scan, "'", 3)
  return scan.takeString(inner.start, inner.end, scan.at).quoted('u', inner.close === '' ? '' : 'u')
}

/** x'0f' and b'01' are numbers. */
export function readQuotedNumber(scan: SqlScan, members: Uint8Array): Token {
  const { input, at } = scan
  if (at + 2 >= input.length || input[at + 1] !== "'") return readWord(scan)
  const end = endOfRun(input, members, at + 2)
  return input[end] === "'" ? scan.take('1', end + 1 - at) : readWord(scan)
}

/** Oracle's q'[...]' with a delimiter of the writer's choice; `lead` 1 for nq'[...]'. */
export function readOracleString(scan: SqlScan, lead: number): Token {
  const { input, at } = scan
  const q = at + lead
  if (q + 2 >= input.length || input[q + 1] !== "'" || (input[q] !== 'q' && input[q] !== 'Q'))
    return readWord(scan)
  if (input.charCodeAt(q + 2) <= 0x20) return readWord(scan)
  const opening = input.charAt(q + 2)
  const pair = '()[]{}<>'.indexOf(opening)
  const closing = pair !== -1 && pair % 2 === 0 ? '()[]{}<>'.charAt(pair + 1) : opening
  const end = input.indexOf(`${closing}'`, q + 3)
  if (end === -1) return scan.takeString(q + 3, input.length, input.length).quoted('q', '')
  return scan.takeString(q + 3, end, end + 2).quoted('q', 'q')
}

/** n'...' or nq'...' */
export function readNationalString(scan: SqlScan): Token {
  const { input, at } = scan
  return at + 2 < input.length && input[at + 1] === "'" ? readPrefixedString(scan) : readOracleString(scan, 1)
}

/** `$1,000.00`, `$$text$$`, `$tag$text$tag$`, or a lone `$`. */
export function readDollar(scan: SqlScan): Token {
  const { input, at } = scan
  const afterNumber = endOfRun(input, charClasses.moneyDigits, at + 1)
  if (afterNumber - at === 2 && input[at + 1] === '.') return readWord(scan)
  if (afterNumber > at + 1) return scan.take('1', afterNumber - at)
  const tagEnd = endOfRun(input, charClasses.letters, at + 1)
  if (input[tagEnd] !== '$') return scan.take('n', 1, '$')
  const tag = input.slice(at, tagEnd + 1)
  const end = input.indexOf(tag, tagEnd + 1)
  if (end === -1) return scan.takeString(tagEnd + 1, input.length, input.length).quoted('$', '')
  return scan.takeString(tagEnd + 1, end, end + tag.length).quoted('$', '$')
}
