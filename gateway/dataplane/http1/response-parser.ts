// A strict HTTP/1.1 response parser (RFC 9112). What two parsers could read in two ways is refused: the connection is
// then given up, so that no byte of it can be taken for another tenant's answer. Worker thread; used by connection.ts.
import { parseHeaders, parseStatusLine, ResponseError, readFraming } from './response-head.ts'

/** Called back while a chunk is parsed; must not throw. */
export interface ResponseSink {
  /** `headers`: flat list of names and values, latin1. Status 1xx are followed by another head. */
  onHead(status: number, headers: string[]): void
  onBody(bytes: Buffer): void
  /** The parser takes no more bytes until the next `expect`. */
  onComplete(): void
}

const headLimitBytes = 65_536
const headLimit = ['the head of the answer is', headLimitBytes] as const
const trailersLimit = ['the trailers are', headLimitBytes] as const
/** A chunk-size line with extensions; nobody sends any. */
const sizeLineLimit = ['a chunk-size line is', 256] as const
const endOfHead = Buffer.from('\r\n\r\n')
const endOfLine = Buffer.from('\r\n')
const nothing = Buffer.alloc(0)

const State = {
  idle: 0,
  head: 1,
  fixed: 2,
  size: 3,
  data: 4,
  dataEnd: 5,
  trailers: 6,
  untilClose: 7,
} as const
type State = (typeof State)[keyof typeof State]

export class ResponseParser {
  readonly #sink: ResponseSink
  #state: State = State.idle
  /** An unfinished head or line of an earlier chunk. */
  #partial: Buffer = nothing
  /** How much of it was searched for its end: each byte is looked at once, however slowly they come. */
  #searched = 0
  /** Bytes of the body, or of its present chunk, that are still to come. */
  #left = 0
  #headRequest = false
  #trailerBytes = 0
  /** True while nothing speaks against another request on this connection. */
  reusable = true
  /** How long the peer said it keeps an idle connection, less a second for the way. */
  keepAliveMs = Number.POSITIVE_INFINITY
  /** Stops `execute` before the next callback; what was not parsed is what it returns. */
  paused = false

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  /** Before each request. */
  expect(method: string): void {
    this.#state = State.head
    this.#headRequest = method === 'HEAD'
  }

  /** Parses; returns the bytes that a pause left over. Throws a ResponseError on what is not a valid response. */
  execute(input: Buffer): Buffer {
    let chunk = input
    if (this.#partial.length > 0) {
      chunk = Buffer.concat([this.#partial, input])
      this.#partial = nothing
    }
    let at = 0
    while (at < chunk.length) {
      if (this.paused) return chunk.subarray(at)
      const next = this.#step(chunk, at)
      if (next < 0) {
        this.#partial = chunk.subarray(at)
        return nothing
      }
      at = next
    }
    return nothing
  }

  /** The peer closed its side. Throws unless that is where the body ends. */
  finish(): void {
    if (this.#state === State.idle) return
    if (this.#state !== State.untilClose)
      throw new ResponseError('the connection ended before the answer did')
    this.#state = State.idle
    this.#sink.onComplete()
  }

  /** Where parsing goes on; -1 when more bytes are needed first. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case State.head:
        return this.#readHead(chunk, at)
      case State.fixed:
      case State.data:
        return this.#readBody(chunk, at)
      case State.size:
        return this.#readSize(chunk, at)
      case State.dataEnd:
        return this.#readDataEnd(chunk, at)
      case State.trailers:
        return this.#readTrailer(chunk, at)
      case State.untilClose:
        this.#sink.onBody(at === 0 ? chunk : chunk.subarray(at))
        return chunk.length
      default:
        throw new ResponseError('bytes came that no request asked for')
    }
  }

  /** Where `end` begins; -1 when more bytes are needed to tell. `what` is too large beyond `limitBytes`. */
  #find(end: Buffer, chunk: Buffer, at: number, [what, limitBytes]: readonly [string, number]): number {
    const from = at + this.#searched
    const found = chunk.indexOf(end, Math.max(at, from - end.length + 1))
    if ((found < 0 ? chunk.length : found) - at > limitBytes) throw new ResponseError(`${what} too large`)
    if (found < 0) refuseBareLineFeed(chunk, at, from)
    this.#searched = found < 0 ? chunk.length - at : 0
    return found
  }

  #readHead(chunk: Buffer, at: number): number {
    const end = this.#find(endOfHead, chunk, at, headLimit)
    if (end < 0) return -1
    const after = end + 4
    const text = chunk.toString('latin1', at, end)
    const firstEnd = text.indexOf('\r\n')
    const { status, old } = parseStatusLine(firstEnd < 0 ? text : text.slice(0, firstEnd))
    const headers = firstEnd < 0 ? [] : parseHeaders(text, firstEnd + 2)
    this.#frame(status, old, headers, after < chunk.length)
    return after
  }

  /** RFC 9112 section 6.3. `more`: bytes follow the head in this chunk. */
  #frame(status: number, old: boolean, headers: string[], more: boolean): void {
    const { length, chunked, close, keepAlive, idleSeconds } = readFraming(headers, old)
    if (status === 101) throw new ResponseError('the upstream switches protocols without being asked')
    // After either of these nothing more could come, or nothing that both sides understand.
    if (status < 200 && (close || old)) throw new ResponseError('an interim answer that cannot be one')
    // RFC 9110 section 8.6: these have no body. One that comes anyway would be taken for the next answer.
    if ((status < 200 || status === 204) && (chunked || length > 0)) this.reusable = false
    if (status < 200) return this.#sink.onHead(status, headers)
    if (close || (old && !keepAlive)) this.reusable = false
    if (idleSeconds >= 0) this.keepAliveMs = (idleSeconds - 1) * 1_000
    if (this.keepAliveMs <= 0) this.reusable = false
    this.#state =
      this.#headRequest || status === 204 || status === 304 ? State.idle : toState(length, chunked)
    this.#left = length
    this.#trailerBytes = 0
    if (this.#state === State.untilClose) this.reusable = false
    if (this.#state !== State.idle) return this.#sink.onHead(status, headers)
    if (more) this.reusable = false
    this.#sink.onHead(status, headers)
    this.#sink.onComplete()
  }

  #readBody(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    if (this.#left > 0) {
      this.#sink.onBody(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
      return end
    }
    const last = this.#state === State.fixed
    if (last && end < chunk.length) this.reusable = false
    this.#state = last ? State.idle : State.dataEnd
    this.#sink.onBody(chunk.subarray(at, end))
    if (last) this.#sink.onComplete()
    return end
  }

  /** RFC 9112 section 7.1: hexadecimal digits, extensions that are passed over, CRLF. */
  #readSize(chunk: Buffer, at: number): number {
    const end = this.#find(endOfLine, chunk, at, sizeLineLimit)
    if (end < 0) return -1
    this.#left = parseChunkSize(chunk.toString('latin1', at, end))
    this.#state = this.#left === 0 ? State.trailers : State.data
    return end + 2
  }

  #readDataEnd(chunk: Buffer, at: number): number {
    if (chunk.length - at < 2) {
      if (chunk[at] !== 13) throw new ResponseError('a chunk is longer than it said')
      return -1
    }
    if (chunk[at] !== 13 || chunk[at + 1] !== 10) throw new ResponseError('a chunk is longer than it said')
    this.#state = State.size
    return at + 2
  }

  /** Trailers are checked and dropped: they never become headers. */
  #readTrailer(chunk: Buffer, at: number): number {
    const end = this.#find(endOfLine, chunk, at, trailersLimit)
    if (end < 0) return -1
    this.#trailerBytes += end - at
    if (this.#trailerBytes > headLimitBytes) throw new ResponseError('the trailers are too large')
    if (end > at) {
      const { length, chunked } = readFraming(parseHeaders(chunk.toString('latin1', at, end), 0), false)
      // RFC 9110 section 6.5.1: too late to say how the body is framed.
      if (length >= 0 || chunked) throw new ResponseError('a trailer speaks of the framing of the body')
      return end + 2
    }
    this.#state = State.idle
    if (end + 2 < chunk.length) this.reusable = false
    this.#sink.onComplete()
    return end + 2
  }
}

function toState(length: number, chunked: boolean): State {
  if (chunked) return State.size
  if (length === 0) return State.idle
  return length > 0 ? State.fixed : State.untilClose
}

/** A lone line feed would be a line's end to a lenient reader: no use in waiting for more. The line begins at `start`. */
function refuseBareLineFeed(chunk: Buffer, start: number, from: number): void {
  for (let at = chunk.indexOf(10, from); at >= 0; at = chunk.indexOf(10, at + 1)) {
    if (at === start || chunk[at - 1] !== 13) throw new ResponseError('a line ends without a carriage return')
  }
}

/** RFC 9112 section 7.1: at most 13 digits, so that the number is exact; extensions are checked and passed over. */
const sizeLine =
  /^([0-9a-fA-F]{1,13})(?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"[^"\\\x00-\x08\x0a-\x1f\x7f]*"))?)*$/

function parseChunkSize(line: string): number {
  const size = sizeLine.exec(line)
  if (size === null) throw new ResponseError('a chunk-size line is not valid')
  return Number.parseInt(size[1] as string, 16)
}
