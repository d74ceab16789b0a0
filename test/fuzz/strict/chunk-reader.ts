// The chunked coding for the strict readers (RFC 9112 section 7.1).
import { isOnlySingleCrlf, readFieldLine, type StrictField } from './field-reader.ts'

export interface StrictBody {
  readonly body: string
  readonly complete: boolean
  readonly broken: boolean
  readonly behind: string
  /** Of a complete body; null: there are none. */
  readonly trailers: readonly StrictField[] | null
}

const lineLimitBytes = 256
const mostTrailers = 100
const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const quoted = '"[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]*"'
const sizeLine = new RegExp(`^([0-9a-fA-F]{1,13})(;${token}(=(${token}|${quoted}))?)*$`)
const aboutFraming = /^(content-length|transfer-encoding|connection)$/i

export function readChunks(text: string, trailerLimitBytes: number): StrictBody {
  let body = ''
  let rest = text
  for (;;) {
    const line = cutLine(rest, lineLimitBytes)
    if (typeof line === 'string') return end(body, line === 'refused')
    const size = sizeLine.exec(line.text)
    if (size === null) return end(body, true)
    const length = Number.parseInt(size[1] as string, 16)
    if (length === 0) return { ...readTrailers(line.behind, trailerLimitBytes), body }
    body += line.behind.slice(0, length)
    rest = line.behind.slice(length)
    if (line.behind.length < length + 2) return end(body, !'\r\n'.startsWith(rest))
    if (!rest.startsWith('\r\n')) return end(body, true)
    rest = rest.slice(2)
  }
}

function readTrailers(text: string, limitBytes: number): StrictBody {
  const trailers: StrictField[] = []
  let rest = text
  let bytes = 0
  for (;;) {
    const line = cutLine(rest, limitBytes)
    if (typeof line === 'string') return end('', line === 'refused')
    const { behind } = line
    if (line.text === '')
      return {
        body: '',
        complete: true,
        broken: false,
        behind,
        trailers: trailers.length === 0 ? null : trailers,
      }
    bytes += line.text.length
    const field = readFieldLine(line.text)
    if (field === null || aboutFraming.test(field.name) || bytes > limitBytes) return end('', true)
    if (trailers.push(field) > mostTrailers) return end('', true)
    rest = behind
  }
}

function cutLine(text: string, limitBytes: number): { text: string; behind: string } | 'refused' | 'waiting' {
  const at = text.indexOf('\r\n')
  if (at > limitBytes) return 'refused'
  if (at >= 0) return { text: text.slice(0, at), behind: text.slice(at + 2) }
  return text.length - 1 > limitBytes || !isOnlySingleCrlf(text) ? 'refused' : 'waiting'
}

function end(body: string, broken: boolean): StrictBody {
  return { body, complete: false, broken, behind: '', trailers: null }
}
