// One canonical path for routing, policy and the upstream. Worker thread; called once per request by admission.ts.
// RFC 3986 sections 5.2.4 and 6.2.2; refuses what intermediaries and backends are known to read differently.

import type { Slashes } from '../contract/snapshot.ts'

export interface CanonicalTarget {
  readonly path: string
  /** Without '?'; byte for byte as the client sent it. */
  readonly query: string
  /** Readers laxer than us could take the path for another one: see readings.ts. */
  readonly ambiguous: boolean
}

const unreserved = markChars('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~')
/** Characters that stand for themselves in a path: unreserved, sub-delims, ':', '@' and '/'. RFC 3986 section 3.3. */
const plain = markChars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/")

/** What may stand in a path that everybody reads alike. */
const certain = markChars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@/")

const slash = 47
const dot = 46
const percent = 37
const backslash = 92

function markChars(chars: string): Uint8Array {
  const table = new Uint8Array(128)
  for (const char of chars) table[char.charCodeAt(0)] = 1
  return table
}

/** Parameters, escapes of a slash or of what ends a path or begins a parameter or an escape, and runs of slashes that are kept. */
const ambiguity = /;|%(?:2F|3B|25|3F|23)|\/\//

/**
 * Takes an origin-form target (`/path?query`). Returns a sentence that says what is wrong instead of a target
 * that two parsers could read in two ways. `slashes`: what becomes of a run of them.
 */
export function canonicalTarget(target: string, slashes: Slashes): CanonicalTarget | string {
  const mark = target.indexOf('?')
  const raw = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark + 1)
  if (raw.charCodeAt(0) !== slash) return 'The request target must start with a slash.'
  const badQuery = query === '' ? null : refuseQuery(query)
  if (badQuery !== null) return badQuery
  if (isCanonical(raw)) return { path: raw, query, ambiguous: false }
  const spelled = respell(raw)
  if (!spelled.startsWith('/')) return spelled
  const path = resolveSegments(spelled, slashes === 'keep')
  return path.startsWith('/') ? { path, query, ambiguous: ambiguity.test(path) } : path
}

function isCanonical(raw: string): boolean {
  let previous = 0
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code > 127 || certain[code] === 0) return false
    // '//' and '/.' may need merging or resolving: the slow way decides.
    if (previous === slash && (code === slash || code === dot)) return false
    previous = code
  }
  return true
}

/**
 * One spelling for every character: unreserved ones bare, the others that may not stand bare in a path escaped, escapes
 * in upper case. A result without a leading slash is an error sentence.
 */
function respell(raw: string): string {
  let out = ''
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code === percent) {
      const value = hexPair(raw, i + 1)
      const refusal = refuseEscape(value, raw, i)
      if (refusal !== null) return refusal
      out +=
        value < 128 && unreserved[value] === 1
          ? String.fromCharCode(value)
          : raw.slice(i, i + 3).toUpperCase()
      i += 2
    } else if (code === backslash) {
      return 'A backslash in the path is not accepted.'
    } else if (code === 35) {
      return 'A fragment is not part of a request target.'
    } else if (code <= 32 || code >= 127) {
      return 'The path holds a character that must be percent-encoded.'
    } else {
      out += plain[code] === 1 ? raw[i] : `%${code.toString(16).toUpperCase()}`
    }
  }
  return out
}

function refuseEscape(value: number, raw: string, at: number): string | null {
  if (value < 0) return 'A percent sign in the path is not followed by two hexadecimal digits.'
  // An encoded slash is up to the route: routing.ts.
  if (value === backslash) return 'An encoded backslash in the path is not accepted.'
  if (value < 32 || value === 127) return 'An encoded control character in the path is not accepted.'
  if (value >= 0xc0 && isOverlong(value, raw, at + 3)) {
    return 'The path holds an overlong UTF-8 sequence.'
  }
  return null
}

/**
 * `%C0%AF` is a slash for decoders that do not check, which is how it got past filters (CVE-2000-0884 and its heirs). The
 * oldest know sequences of five and six bytes, too (RFC 2279).
 */
function isOverlong(lead: number, raw: string, at: number): boolean {
  if (raw.charCodeAt(at) !== percent) return false
  const next = hexPair(raw, at + 1)
  if (next < 0x80 || next > 0xbf) return false
  if (lead <= 0xc1) return true
  if (lead === 0xe0 || lead === 0xf0) return next < (lead === 0xe0 ? 0xa0 : 0x90)
  return (lead === 0xf8 && next < 0x88) || (lead === 0xfc && next < 0x84)
}

function hexPair(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at))
  const low = hexDigit(text.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/**
 * Dot segments resolved, runs of slashes merged unless they are to be kept: a backend that merges `//admin` must not see
 * a path that policy read as something else. A result without a leading slash is an error sentence.
 */
function resolveSegments(path: string, keepSlashes: boolean): string {
  const kept: string[] = []
  const segments = path.split('/')
  const last = segments.length - 1
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string
    if (segment === '..') {
      if (kept.pop() === undefined) return 'The path leaves its root by dot segments.'
    } else if (isDotWithParameter(segment)) {
      return 'A dot segment with a parameter is not accepted.'
    } else if (segment === '' ? keepSlashes && i < last : segment !== '.') {
      kept.push(segment)
    }
  }
  const tail = segments[last]
  const open = tail === '' || tail === '.' || tail === '..'
  return `/${kept.join('/')}${open && kept.length > 0 ? '/' : ''}`
}

/** Servlet containers drop `;...` from a segment before they resolve it: `/open/..;/admin` is `/admin` for them. */
function isDotWithParameter(segment: string): boolean {
  if (segment.charCodeAt(0) !== dot) return false
  const rest = segment.charCodeAt(1) === dot ? 2 : 1
  return segment.startsWith(';', rest) || segment.startsWith('%3B', rest)
}

function refuseQuery(query: string): string | null {
  for (let i = 0; i < query.length; i++) {
    const code = query.charCodeAt(i)
    if (code === 35) return 'A fragment is not part of a request target.'
    if (code <= 32 || code === 127) return 'The query holds a control character or space.'
  }
  return null
}
