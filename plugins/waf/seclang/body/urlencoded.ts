// application/x-www-form-urlencoded, in bodies and query strings, as ModSecurity reads it. Total and linear.
import type { BodyLimits, Pair, UrlEncodedBody } from '../types.ts'

/** `separator` is one character; ModSecurity's default is `&` alone, so that `;` is part of a value. */
export function parseUrlEncoded(text: string, limits: BodyLimits, separator = '&'): UrlEncodedBody {
  const args: Pair[] = []
  let at = 0
  while (at < text.length) {
    const end = endOf(text, separator, at)
    if (end > at) {
      if (args.length >= limits.args) {
        return { args, invalidEncoding: hasInvalidEscape(text), error: `more than ${limits.args} arguments` }
      }
      args.push(toPair(text, at, end))
    }
    at = end + 1
  }
  return { args, invalidEncoding: hasInvalidEscape(text), error: null }
}

function endOf(text: string, separator: string, from: number): number {
  const end = text.indexOf(separator, from)
  return end < 0 ? text.length : end
}

/** What has no `=` is a name with an empty value. */
function toPair(text: string, from: number, to: number): Pair {
  const piece = text.slice(from, to)
  const equals = piece.indexOf('=')
  if (equals < 0) return [decodeUrlEncoded(piece), '']
  return [decodeUrlEncoded(piece.slice(0, equals)), decodeUrlEncoded(piece.slice(equals + 1))]
}

/** `+` is a space, `%41` the byte 0x41; what is no escape stays as it is. */
export function decodeUrlEncoded(text: string): string {
  if (!text.includes('%')) return text.includes('+') ? text.replaceAll('+', ' ') : text
  const bytes = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code === 0x2b) code = 0x20
    else if (code === 0x25) {
      const decoded = escapeAt(text, i)
      if (decoded >= 0) {
        code = decoded
        i += 2
      }
    }
    bytes[length++] = code
  }
  return bytes.toString('latin1', 0, length)
}

function hasInvalidEscape(text: string): boolean {
  for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', at + 1)) {
    if (escapeAt(text, at) < 0) return true
    at += 2
  }
  return false
}

/** The byte that `%hh` at `at` stands for; -1 when it is none. */
function escapeAt(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at + 1))
  const low = hexDigit(text.charCodeAt(at + 2))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** -1 for what is no hexadecimal digit, and for NaN behind the end. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
