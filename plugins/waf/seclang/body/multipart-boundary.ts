// The boundary that a Content-Type header of a multipart/form-data body announces.

export interface Boundary {
  /** '' when there is none to go by. */
  readonly value: string
  readonly quoted: boolean
  /** Blanks around the `=`. */
  readonly whitespace: boolean
  readonly missingSemicolon: boolean
  /** What is wrong with the header; the body is read by `value` all the same. */
  readonly error: string | null
}

const longestHeader = 1024
const mediaType = /^multipart\/form-data(?![A-Za-z0-9!#$&^_.+-])/i
const allowed = /^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/

export function readBoundary(contentType: string): Boundary {
  const none = { value: '', quoted: false, whitespace: false, missingSemicolon: false }
  if (contentType.length > longestHeader) return { ...none, error: 'the Content-Type is too long' }
  const at = contentType.search(/boundary/i)
  if (!mediaType.test(contentType) || at < 0) return { ...none, error: 'the Content-Type names no boundary' }
  const before = contentType.slice('multipart/form-data'.length, at)
  const rest = /^(\s*)=(\s*)(.*)$/s.exec(contentType.slice(at + 'boundary'.length))
  if (rest === null) return { ...none, error: 'the Content-Type names no boundary' }
  const raw = rest[3] as string
  const quoted = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"')
  const value = quoted ? raw.slice(1, -1) : raw
  return {
    value: allowed.test(value) ? value : firstToken(raw),
    quoted,
    whitespace: rest[1] !== '' || rest[2] !== '',
    missingSemicolon: !before.includes(';'),
    error: explain(before, value),
  }
}

function explain(before: string, value: string): string | null {
  if (/[^\s;]|;.*;/s.test(before)) return 'something stands before the boundary parameter'
  if (/boundary/i.test(value)) return 'the boundary is given twice, or holds its own name'
  return allowed.test(value) ? null : 'the boundary has characters that it may not have'
}

/** What a lenient reader would take for the boundary. */
function firstToken(raw: string): string {
  if (raw.startsWith('"')) return raw.slice(1).split('"', 1)[0] as string
  return raw.split(/[;\s]/, 1)[0] as string
}
