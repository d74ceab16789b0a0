// Requests of clients: heads, their framing, and what is refused of both before anybody acts on it (RFC 9112 sections 2 to
// 6). A head that is refused is delivered too, with its reason, so that the refusal is answered, counted and logged like
// any other; not one byte is read behind it. Worker thread; used by server-connection.ts.
import { METHODS } from 'node:http'
import type { RequestFault, RequestHead } from '../downstream.ts'
import type { Trailers } from '../trailers.ts'
import { type Fields, findField, Kind, parseFields, SyntaxFault } from './fields.ts'
import { MessageParser, OversizeFault, State } from './message-parser.ts'

/** Called back while a piece is parsed; must not throw. Bytes of the body belong to the sink. */
export interface RequestSink {
  /** Where it has no body or a fault, that was all of it. */
  onHead(head: RequestHead): void
  onBody(bytes: Buffer): void
  /** The end of a body. */
  onComplete(trailers: Trailers): void
  /** The body is not valid: nothing more can be read from the connection. */
  onBroken(fault: RequestFault): void
}

const methods: ReadonlySet<string> = new Set(METHODS)
const noFields: Fields = { raw: [], names: [], kinds: [] }
const lengthPattern = /^(?:0|[1-9][0-9]{0,14})$/
const notTarget = /[^\x21-\x7e]/

export class RequestParser extends MessageParser {
  readonly #sink: RequestSink
  readonly #mostFields: number
  /** Nothing more is read: a refusal, or the end of what the client may send. */
  #ended = false

  constructor(sink: RequestSink, headLimitBytes: number, mostFields: number) {
    super(headLimitBytes)
    this.#sink = sink
    // The count is policy (admission.ts); here is where reading ends.
    this.#mostFields = Math.max(mostFields + 1, 256)
    this.state = State.head
  }

  /** Nothing behind what was read so far is a request. */
  stop(): void {
    this.#ended = true
    this.paused = true
  }

  /** The body of the request whose head was given last, where all of it is behind it or in `ahead`; it is then complete. */
  takeFixed(length: number, ahead: Buffer | null): Buffer | null {
    if (this.state !== State.fixed || this.left !== length) return null
    const fromAhead = ahead !== null && ahead.length >= length ? ahead.subarray(0, length) : null
    const bytes = this.takeBehindHead(length) ?? fromAhead
    if (bytes !== null) this.startBody(State.head, 0)
    return bytes
  }

  /** Reads until a pause; returns what it left over. */
  read(input: Buffer): Buffer {
    if (this.#ended) return input.subarray(input.length)
    try {
      return this.execute(input)
    } catch (error) {
      this.#refuse(error)
      return input.subarray(input.length)
    }
  }

  /** The head did not come in time, or not to its end. */
  abandon(fault: RequestFault): void {
    this.stop()
    if (this.state === State.head) this.#sink.onHead(toRefusedHead(fault))
    else this.#sink.onBroken(fault)
  }

  protected override onHeadText(text: string): void {
    // RFC 9112 section 2.2: some old clients send an empty line behind a body.
    const head = readHead(text.startsWith('\r\n') ? text.slice(2) : text, this.#mostFields)
    if (head.fault !== null) this.stop()
    if (head.fault === null && head.body !== 'none')
      this.startBody(head.body === 'chunked' ? State.size : State.fixed, head.length)
    this.#sink.onHead(head)
  }

  protected override onBody(bytes: Buffer): void {
    this.#sink.onBody(bytes)
  }

  protected override onComplete(_more: boolean, trailers: Trailers): void {
    this.state = State.head
    this.#sink.onComplete(trailers)
  }

  #refuse(error: unknown): void {
    if (!(error instanceof SyntaxFault)) throw error
    const tooLarge = error instanceof OversizeFault && error.inHead
    this.abandon(
      tooLarge
        ? { status: 431, code: 'AEGIS_HTTP_431', detail: 'The header section is too large.' }
        : { status: 400, code: 'AEGIS_HTTP_400', detail: `The request is not valid HTTP: ${error.message}.` },
    )
  }
}

function toRefusedHead(fault: RequestFault): RequestHead {
  return {
    method: '',
    target: '',
    version: '1.1',
    scheme: null,
    fields: noFields,
    host: null,
    expect: '',
    body: 'none',
    length: -1,
    keepAlive: false,
    fault,
  }
}

function malformed(detail: string): RequestFault {
  return { status: 400, code: 'AEGIS_BAD_REQUEST', detail }
}

function readHead(text: string, mostFields: number): RequestHead {
  const found = text.indexOf('\r\n')
  const firstEnd = found < 0 ? text.length : found
  const methodEnd = text.indexOf(' ')
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  const method = text.slice(0, methodEnd)
  const target = text.slice(methodEnd + 1, targetEnd)
  if (methodEnd < 0 || targetEnd < 0 || targetEnd > firstEnd || target === '' || notTarget.test(target))
    return toRefusedHead(malformed('The request line is not valid.'))
  if (!methods.has(method)) return toRefusedHead(malformed('The method is not known.'))
  const version = text.slice(targetEnd + 1, firstEnd)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return toRefusedHead(refuseVersion(version))
  const old = version === 'HTTP/1.0'
  const fields = parseFields(text, found < 0 ? text.length : found + 2, mostFields)
  return toHead({ method, target, version: old ? '1.0' : '1.1' }, fields)
}

function refuseVersion(version: string): RequestFault {
  return /^HTTP\/[0-9]\.[0-9]$/.test(version)
    ? { status: 505, code: 'AEGIS_HTTP_VERSION', detail: 'Only HTTP/1.1 and HTTP/1.0 are served here.' }
    : malformed('The request line is not valid.')
}

type RequestLine = Pick<RequestHead, 'method' | 'target' | 'version'>

/** RFC 9112 sections 6.1 and 6.3. */
function toHead(line: RequestLine, fields: Fields): RequestHead {
  const { raw, names, kinds } = fields
  const old = line.version === '1.0'
  let length = -1
  let chunked = false
  let host: string | null = null
  let expect = ''
  let keepAlive = !old
  let fault: RequestFault | null = null
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i] as Kind
    if (kind === Kind.plain) {
      if (names[i] === '__proto__') fault = malformed('A header has a name that is not accepted.')
      continue
    }
    const value = raw[2 * i + 1] as string
    if (kind === Kind.host) {
      if (host !== null) fault = malformed('The request has more than one Host header.')
      host = value
    } else if (kind === Kind.contentLength) {
      if (length >= 0 || !lengthPattern.test(value))
        fault = malformed('Content-Length must be given once, as plain digits.')
      length = Number(value)
    } else if (kind === Kind.transferEncoding) {
      if (chunked || value.toLowerCase() !== 'chunked')
        fault = malformed('The only accepted transfer coding is chunked.')
      chunked = true
    } else if (kind === Kind.connection) keepAlive = staysOpen(findField(fields, 'connection') ?? '', old)
    else if (kind === Kind.expect) expect = value
  }
  if (chunked && old) fault = malformed('HTTP/1.0 has no Transfer-Encoding.')
  else if (chunked && length >= 0)
    fault = malformed('The request has both Content-Length and Transfer-Encoding.')
  const body = chunked ? 'chunked' : length > 0 ? 'fixed' : 'none'
  keepAlive &&= fault === null
  const { method, target, version } = line
  return { method, target, version, scheme: null, fields, host, expect, body, length, keepAlive, fault }
}

/** RFC 9112 section 9.3. */
function staysOpen(connection: string, old: boolean): boolean {
  if (connection === 'keep-alive') return true
  const options = connection.toLowerCase().split(',')
  const has = (wanted: string): boolean => options.some((option) => option.trim() === wanted)
  return !has('close') && (!old || has('keep-alive'))
}
