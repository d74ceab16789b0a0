// A second reader of requests, for the fuzzer: all bytes are there, every rule is one pattern, nothing is fast. Written from
// RFC 9112 and behaviour.md section 6, not from the gateway's parser, so that a mistake of one is not the other's too.
import { METHODS } from 'node:http'
import { readChunks } from './chunk-reader.ts'
import { isOnlySingleCrlf, readFieldLine, type StrictField, valuesOf } from './field-reader.ts'

export interface StrictRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: readonly StrictField[]
  readonly keepAlive: boolean
  /** latin1; as much of it as is there. */
  readonly body: string
  readonly complete: boolean
  readonly trailers: readonly StrictField[] | null
}

export interface StrictRequests {
  readonly requests: StrictRequest[]
  /** Of what stands behind the last of them. */
  readonly end: 'refused' | 'waiting' | 'closed'
}

const headLimitBytes = 16_384
const mostFields = 256
const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/
const plainNumber = /^(0|[1-9][0-9]*)$/

/** `text`: everything that a client sent on one connection. */
export function readRequestsStrictly(text: string): StrictRequests {
  const requests: StrictRequest[] = []
  let rest = text
  for (;;) {
    const head = cutHead(rest)
    if (typeof head === 'string') return { requests, end: head }
    const read = readHead(head.text)
    if (read === null) return { requests, end: 'refused' }
    const { body, complete, broken, behind, trailers } = readBody(read, head.behind)
    const { method, target, version, fields, keepAlive } = read
    requests.push({ method, target, version, fields, keepAlive, body, complete, trailers })
    if (broken) return { requests, end: 'refused' }
    if (!complete) return { requests, end: 'waiting' }
    if (!keepAlive) return { requests, end: 'closed' }
    rest = behind
  }
}

function cutHead(text: string): { text: string; behind: string } | 'refused' | 'waiting' {
  const end = text.indexOf('\r\n\r\n')
  if (end > headLimitBytes) return 'refused'
  if (end >= 0) return { text: text.slice(0, end), behind: text.slice(end + 4) }
  // The last three bytes may still become the empty line.
  if (text.length - 3 > headLimitBytes) return 'refused'
  return isOnlySingleCrlf(text) ? 'waiting' : 'refused'
}

interface Head extends Omit<StrictRequest, 'body' | 'complete' | 'trailers'> {
  readonly framing: { chunked: boolean; length: number }
}

/** null: refused. */
function readHead(text: string): Head | null {
  const lines = text.replace(/^\r\n/, '').split('\r\n')
  const first = requestLine.exec(lines[0] ?? '')
  if (first === null || !METHODS.includes(first[1] as string)) return null
  if (lines.length - 1 > mostFields) return null
  const fields = lines.slice(1).map(readFieldLine)
  if (fields.some((field) => field === null || field.name.toLowerCase() === '__proto__')) return null
  const sound = fields as StrictField[]
  if (valuesOf(sound, 'host').length > 1) return null
  const version = `1.${first[3]}`
  const framing = readFraming(sound, version)
  if (framing === null) return null
  const keepAlive = staysOpen(valuesOf(sound, 'connection'), version)
  return {
    method: first[1] as string,
    target: first[2] as string,
    version,
    fields: sound,
    keepAlive,
    framing,
  }
}

/** RFC 9112 section 6.3, where whatever could be read in two ways is refused. */
function readFraming(fields: readonly StrictField[], version: string): Head['framing'] | null {
  const codings = valuesOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length + lengths.length > 1) return null
  const [coding] = codings
  const [length] = lengths
  if (coding !== undefined)
    return /^chunked$/i.test(coding) && version === '1.1' ? { chunked: true, length: 0 } : null
  if (length === undefined) return { chunked: false, length: 0 }
  return plainNumber.test(length) && length.length <= 15 ? { chunked: false, length: Number(length) } : null
}

function readBody({ framing }: Head, text: string) {
  if (framing.chunked) return readChunks(text, headLimitBytes)
  const body = text.slice(0, framing.length)
  const complete = body.length === framing.length
  return { body, complete, broken: false, behind: text.slice(framing.length), trailers: null }
}

/** RFC 9112 section 9.3. */
export function staysOpen(connections: readonly string[], version: string): boolean {
  const options = connections
    .join(',')
    .split(',')
    .map((option) => option.trim().toLowerCase())
  if (options.includes('close')) return false
  return version === '1.1' || options.includes('keep-alive')
}
