// Strings of a JSON body, escapes decoded to the bytes that an application would see.
import { hexDigit } from './urlencoded.ts'

export interface JsonString {
  readonly value: string
  /** Behind the closing quote. */
  readonly end: number
}

const plainEscapes: ReadonlyMap<number, string> = new Map([
  [0x22, '"'],
  [0x5c, '\\'],
  [0x2f, '/'],
  [0x62, '\b'],
  [0x66, '\f'],
  [0x6e, '\n'],
  [0x72, '\r'],
  [0x74, '\t'],
])

/** null when no well-formed string stands at `at`. */
export function readJsonString(text: string, at: number): JsonString | null {
  if (text.charCodeAt(at) !== 0x22) return null
  const from = at + 1
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) return { value: text.slice(from, i), end: i + 1 }
    if (code === 0x5c) return readEscaped(text, from, i)
    if (code < 0x20) return null
  }
  return null
}

/** As above, from the first escape on. */
function readEscaped(text: string, from: number, firstEscape: number): JsonString | null {
  const pieces: string[] = []
  let plainFrom = from
  for (let i = firstEscape; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20) return null
    if (code !== 0x22 && code !== 0x5c) continue
    pieces.push(text.slice(plainFrom, i))
    if (code === 0x22) return { value: pieces.join(''), end: i + 1 }
    const decoded = readEscape(text, i + 1)
    if (decoded === null) return null
    pieces.push(decoded.value)
    plainFrom = decoded.end
    i = decoded.end - 1
  }
  return null
}

function readEscape(text: string, at: number): JsonString | null {
  const code = text.charCodeAt(at)
  if (code !== 0x75) {
    const value = plainEscapes.get(code)
    return value === undefined ? null : { value, end: at + 1 }
  }
  const unit = readHex4(text, at + 1)
  if (unit < 0) return null
  const end = at + 5
  if (unit < 0xd800 || unit > 0xdbff || !text.startsWith('\\u', end)) return { value: toUtf8(unit), end }
  const low = readHex4(text, end + 2)
  if (low < 0xdc00 || low > 0xdfff) return { value: toUtf8(unit), end }
  return { value: toUtf8(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), end: end + 6 }
}

function readHex4(text: string, at: number): number {
  let value = 0
  for (let i = at; i < at + 4; i++) {
    const digit = hexDigit(text.charCodeAt(i))
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

/** The bytes of a code point; half a surrogate pair, which UTF-8 does not have, by the same scheme. */
export function toUtf8(point: number): string {
  if (point < 0x80) return String.fromCharCode(point)
  if (point < 0x800) return String.fromCharCode(0xc0 | (point >> 6), 0x80 | (point & 0x3f))
  const last = [0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f)]
  if (point < 0x10000) return String.fromCharCode(0xe0 | (point >> 12), ...last)
  return String.fromCharCode(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f), ...last)
}
