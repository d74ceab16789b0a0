// The escapes of HTML, JavaScript, CSS and C. What begins like an escape and is none loses its backslash, as it would in
// the language itself.
import { byteOf, narrowed } from './encodings.ts'

const namedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  gt: '>',
  lt: '<',
  nbsp: '\xa0',
  quot: '"',
}
const controls: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** The semicolon may be missing; a number counts by its low byte; names other than five stay. */
export function decodeHtmlEntities(value: string): string {
  if (!value.includes('&')) return value
  return value.replace(
    /&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+))|([0-9A-Za-z]+));?/g,
    (whole, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
      if (hex !== undefined) return lowByte(hex, 16)
      if (decimal !== undefined) return lowByte(decimal, 10)
      return namedEntities[(name as string).toLowerCase()] ?? whole
    },
  )
}

/** As C's `strtol` and a cast do: a number beyond 63 bits counts as the largest. */
function lowByte(digits: string, radix: 10 | 16): string {
  const significant = digits.replace(/^0+/, '')
  if (significant.length > 19) return '\xff'
  const number = BigInt(`${radix === 16 ? '0x' : ''}0${significant}`)
  return String.fromCharCode(number > 0x7fff_ffff_ffff_ffffn ? 255 : Number(number & 255n))
}

export function decodeJs(value: string): string {
  if (!value.includes('\\')) return value
  return value.replace(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-3][0-7]{2}|[0-7]{1,2})|(.))/gs,
    (_, unicode?: string, hex?: string, octal?: string, char?: string) => {
      if (unicode !== undefined) return narrowed(unicode)
      if (hex !== undefined) return byteOf(hex)
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
      return controls[char as string] ?? (char as string)
    },
  )
}

export function decodeEscapeSequences(value: string): string {
  if (!value.includes('\\')) return value
  return value.replace(
    /\\(?:[xX]([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs,
    (_, hex?: string, octal?: string, char?: string) => {
      if (hex !== undefined) return byteOf(hex)
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 255)
      return controls[char as string] ?? (char as string)
    },
  )
}

/** One to six digits and one white space after them; of these the low byte counts. A last backslash goes away. */
export function decodeCss(value: string): string {
  if (!value.includes('\\')) return value
  return value.replace(
    /\\(?:([0-9a-fA-F]{1,6})[\t-\r ]?|\n|(.)|$)/gs,
    (_, hex: string | undefined, char: string | undefined) =>
      hex === undefined ? (char ?? '') : cssByte(hex),
  )
}

/** Only four digits, or more that begin with zeros, can be a wide form of ASCII. */
function cssByte(hex: string): string {
  const isShort = hex.length === 4 || (hex.length > 4 && /^0+$/.test(hex.slice(0, -4)))
  return isShort ? narrowed(hex.slice(-4)) : byteOf(hex.slice(-2))
}
