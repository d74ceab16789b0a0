// Where a request carries its token. Worker thread; called by authenticate.ts for every request: no regular expressions here.
import type { RecheckView, RequestView } from '../../gateway/contract/exchange.ts'
import type { SourceConfig } from './schema.ts'

/** null: no token; 'ambiguous': several that differ, or something that only looks like one. */
export type Found = string | null | 'ambiguous'

export interface TokenSource {
  find(ex: RequestView | RecheckView): Found
  /** Takes the credential off the request that goes upstream. */
  strip(ex: RequestView): void
}

/** No token has this form: it needs two dots. */
const ambiguous = 'ambiguous'

export function createTokenSource(config: SourceConfig): TokenSource {
  if ('header' in config) return createHeaderSource(config.header.toLowerCase(), config.scheme ?? null)
  if ('cookie' in config) return createCookieSource(config.cookie)
  return createQuerySource(config.query)
}

function createHeaderSource(name: string, scheme: string | null): TokenSource {
  const read = (value: string): Found => (scheme === null ? value : afterScheme(value, scheme.toLowerCase()))
  return {
    find(ex) {
      const value = ex.header(name)
      // Repeated headers come joined with commas, which no token holds: they are refused as malformed.
      return value === undefined ? null : read(value)
    },
    strip(ex) {
      const value = ex.header(name)
      if (value !== undefined && read(value) !== null) ex.removeUpstreamHeader(name)
    },
  }
}

/** null: credentials of another scheme. */
function afterScheme(value: string, scheme: string): Found {
  if (hasScheme(value, scheme)) return value.slice(scheme.length).trim()
  if (!value.includes(',')) return null
  // `Basic ..., Bearer ...`: two headers, and the upstream might read the other one.
  return value.split(',').some((part) => hasScheme(part.trimStart(), scheme)) ? ambiguous : null
}

/** RFC 9110 section 11.1: case does not count. What ends the scheme is not only a space: upstreams are lenient. */
function hasScheme(value: string, scheme: string): boolean {
  if (value.slice(0, scheme.length).toLowerCase() !== scheme) return false
  return value.length === scheme.length || !isNameChar(value.charCodeAt(scheme.length))
}

function isNameChar(code: number): boolean {
  const lower = code | 32
  return (
    (lower >= 97 && lower <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 46 || code === 95
  )
}

function createCookieSource(name: string): TokenSource {
  return {
    find: (ex) => pickSame(pairsOf(ex.header('cookie'), ';', name)),
    strip(ex) {
      const header = ex.header('cookie')
      if (header === undefined) return
      const kept = header.split(';').filter((pair) => nameOf(pair) !== name)
      if (kept.length === 0) ex.removeUpstreamHeader('cookie')
      else ex.setUpstreamHeader('cookie', kept.join(';').trim())
    },
  }
}

function createQuerySource(name: string): TokenSource {
  return {
    find: (ex) => pickSame(pairsOf(ex.query, '&', name)),
    // `check` refuses the one setting that would need it: the query is passed on byte for byte.
    strip: () => {},
  }
}

/** Values of all pairs of that name; an empty one is no token: that is how a cookie is put out. */
function pairsOf(text: string | undefined, separator: string, name: string): string[] {
  if (text === undefined || !text.includes(name)) return []
  const values: string[] = []
  for (const pair of text.split(separator)) {
    if (nameOf(pair) !== name) continue
    const value = pair.slice(pair.indexOf('=') + 1).trim()
    if (value !== '') values.push(value)
  }
  return values
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=')
  return equals < 0 ? '' : pair.slice(0, equals).trim()
}

function pickSame(values: readonly string[]): Found {
  const [first] = values
  if (first === undefined) return null
  return values.every((value) => value === first) ? first : ambiguous
}
