// One canonical path for routing, policy and the upstream. Worker thread; called once per request by admission.ts.
// RFC 3986 sections 5.2.4 and 6.2.2; refuses what intermediaries and backends are known to read differently.

export interface CanonicalTarget {
  readonly path: string
  /** Without '?'; byte for byte as the client sent it. */
  readonly query: string
}

/** Characters that stand for themselves in a path: unreserved, sub-delims, ':', '@' and '/'. RFC 3986 section 3.3. */
const plain = new Uint8Array(128)
const unreserved = new Uint8Array(128)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') {
  unreserved[char.charCodeAt(0)] = 1
  plain[char.charCodeAt(0)] = 1
}
for (const char of "!$&'()*+,;=:@/") plain[char.charCodeAt(0)] = 1

const slash = 47
const dot = 46
const percent = 37

/**
 * Takes an origin-form target (`/path?query`). Returns a sentence that says what is wrong instead of a target
 * that two parsers could read in two ways.
 */
export function canonicalTarget(target: string): CanonicalTarget | string {
  const mark = target.indexOf('?')
  const raw = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark + 1)
  if (raw.charCodeAt(0) !== slash) return 'The request target must start with a slash.'
  const badQuery = query === '' ? null : refuseQuery(query)
  if (badQuery !== null) return badQuery
  if (isCanonical(raw)) return { path: raw, query }
  const decoded = decodeUnreserved(raw)
  if (!decoded.startsWith('/')) return decoded
  const path = resolveSegments(decoded)
  return path === null ? 'The path leaves its root by dot segments.' : { path, query }
}

function isCanonical(raw: string): boolean {
  let previous = 0
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code > 127 || plain[code] === 0) return false
    // '//' and '/.' may need merging or resolving: the slow way decides.
    if (previous === slash && (code === slash || code === dot)) return false
    previous = code
  }
  return true
}

/** Decodes escapes of unreserved characters, upper-cases the rest. A result without a leading slash is an error sentence. */
function decodeUnreserved(raw: string): string {
  let out = ''
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code === percent) {
      const value = hexPair(raw, i + 1)
      if (value < 0) return 'A percent sign in the path is not followed by two hexadecimal digits.'
      if (value === slash || value === 92) return 'An encoded slash or backslash in the path is not accepted.'
      if (value < 32 || value === 127) return 'An encoded control character in the path is not accepted.'
      out +=
        value < 128 && unreserved[value] === 1
          ? String.fromCharCode(value)
          : raw.slice(i, i + 3).toUpperCase()
      i += 2
    } else if (code === 92) {
      return 'A backslash in the path is not accepted.'
    } else if (code === 35) {
      return 'A fragment is not part of a request target.'
    } else if (code <= 32 || code >= 127) {
      return 'The path holds a character that must be percent-encoded.'
    } else {
      out += raw[i]
    }
  }
  return out
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
 * Dot segments resolved, runs of slashes merged: a backend that merges `//admin` must not see a path that policy
 * read as something else. null when `..` climbs above the root.
 */
function resolveSegments(path: string): string | null {
  const kept: string[] = []
  const segments = path.split('/')
  const last = segments.length - 1
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string
    if (segment === '..') {
      if (kept.pop() === undefined) return null
    } else if (segment !== '.' && segment !== '') {
      kept.push(segment)
    }
  }
  const tail = segments[last]
  const open = tail === '' || tail === '.' || tail === '..'
  return `/${kept.join('/')}${open && kept.length > 0 ? '/' : ''}`
}

function refuseQuery(query: string): string | null {
  for (let i = 0; i < query.length; i++) {
    const code = query.charCodeAt(i)
    if (code === 35) return 'A fragment is not part of a request target.'
    if (code <= 32 || code === 127) return 'The query holds a control character or space.'
  }
  return null
}
