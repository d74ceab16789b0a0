// A strict HTTP/1.1 message parser (RFC 9112): what two parsers could read in two ways is refused, and the connection is
// then given up, so that no byte of it can be taken for a part of somebody else's message. Worker thread; base of
// request-parser.ts and response-parser.ts, which read the heads.
import { mostTrailers, type Trailers } from '../trailers.ts'
import { Kind, parseFields, SyntaxFault } from './fields.ts'

/** A chunk-size line with extensions; nobody sends any. */
const sizeLineLimitBytes = 256
const endOfHead = Buffer.from('\r\n\r\n')
const endOfLine = Buffer.from('\r\n')
const nothing = Buffer.alloc(0)

const tooLate: ReadonlySet<Kind> = new Set([Kind.contentLength, Kind.transferEncoding, Kind.connection])

export const State = {
  /** Between messages, or behind the last one. */
  idle: 0,
  head: 1,
  fixed: 2,
  size: 3,
  data: 4,
  dataEnd: 5,
  trailers: 6,
  untilClose: 7,
} as const
export type State = (typeof State)[keyof typeof State]

export abstract class MessageParser {
  /** Stops `execute` before the next callback; what was not parsed is what it returns. */
  paused = false
  protected state: State = State.idle
  /** Bytes of the body, or of its present chunk, that are still to come. */
  protected left = 0
  readonly #headLimitBytes: number
  /** An unfinished head or line of earlier pieces, with room to grow: each byte is copied a few times, however slowly they come. */
  #partial: Buffer = nothing
  #partialBytes = 0
  /** How much of it was searched for its end: each byte is looked at once, however slowly they come. */
  #searched = 0
  #trailerBytes = 0
  #trailers: string[] | null = null
  /** While `onHeadText` runs: the piece, and where the bytes behind the head begin. */
  #piece: Buffer | null = null
  #behindHead = 0

  constructor(headLimitBytes: number) {
    this.#headLimitBytes = headLimitBytes
  }

  /** `more`: bytes follow the head in this piece. Sets `state` and `left`. */
  protected abstract onHeadText(text: string, more: boolean): void
  protected abstract onBody(bytes: Buffer): void
  /** `more`: as above. Called once `state` is idle. */
  protected abstract onComplete(more: boolean, trailers: Trailers): void

  /** True while an unfinished head is held. */
  get inHead(): boolean {
    return this.#partialBytes > 0 && (this.state === State.head || this.state === State.idle)
  }

  /** Parses; returns the bytes that a pause left over. `input` is not kept. Throws a SyntaxFault. */
  execute(input: Buffer): Buffer {
    const piece = this.#partialBytes > 0 ? this.#complete(input) : input
    let at = 0
    while (at < piece.length) {
      if (this.paused) return Buffer.from(piece.subarray(at))
      const next = this.#step(piece, at)
      if (next < 0) {
        this.#hold(piece, at)
        return nothing
      }
      at = next
    }
    // An idle connection holds no memory.
    this.#partial = nothing
    return nothing
  }

  /** What was held and what comes behind it. */
  #complete(input: Buffer): Buffer {
    const length = this.#partialBytes + input.length
    if (length > this.#partial.length) {
      const larger = Buffer.allocUnsafe(2 * length)
      this.#partial.copy(larger, 0, 0, this.#partialBytes)
      this.#partial = larger
    }
    input.copy(this.#partial, this.#partialBytes)
    this.#partialBytes = 0
    return this.#partial.subarray(0, length)
  }

  #hold(piece: Buffer, at: number): void {
    // Bytes before `at` were given out: a sink may have kept them.
    const again =
      at === 0 && piece.buffer === this.#partial.buffer && piece.byteOffset === this.#partial.byteOffset
    if (!again) this.#partial = Buffer.from(piece.subarray(at))
    this.#partialBytes = piece.length - at
  }

  protected startBody(state: State, length: number): void {
    this.state = state
    this.left = length
    this.#trailerBytes = 0
    this.#trailers = null
  }

  /** Within `onHeadText`: the bytes behind the head, where so many are there; they are not parsed then. */
  protected takeBehindHead(length: number): Buffer | null {
    const piece = this.#piece
    const from = this.#behindHead
    if (piece === null || piece.length - from < length) return null
    this.#behindHead = from + length
    return piece.subarray(from, from + length)
  }

  /** Where parsing goes on; -1 when more bytes are needed first. */
  #step(piece: Buffer, at: number): number {
    switch (this.state) {
      case State.head:
        return this.#readHead(piece, at)
      case State.fixed:
      case State.data:
        return this.#readBody(piece, at)
      case State.size:
        return this.#readSize(piece, at)
      case State.dataEnd:
        return this.#readDataEnd(piece, at)
      case State.trailers:
        return this.#readTrailer(piece, at)
      case State.untilClose:
        this.onBody(at === 0 ? piece : piece.subarray(at))
        return piece.length
      default:
        throw new SyntaxFault('there are bytes that belong to no message')
    }
  }

  /** Where `end` begins; -1 when more bytes are needed to tell. */
  #find(end: Buffer, piece: Buffer, at: number, limitBytes: number): number {
    const from = at + this.#searched
    const found = piece.indexOf(end, Math.max(at, from - end.length + 1))
    // Where it may have begun already, so that the limit is the same however the bytes are cut.
    const earliest = found < 0 ? piece.length - end.length + 1 : found
    if (earliest - at > limitBytes) throw new OversizeFault(this.state, limitBytes)
    if (found < 0) refuseBareLineFeed(piece, at, from)
    this.#searched = found < 0 ? piece.length - at : 0
    return found
  }

  #readHead(piece: Buffer, at: number): number {
    const end = this.#find(endOfHead, piece, at, this.#headLimitBytes)
    if (end < 0) return -1
    this.#piece = piece
    this.#behindHead = end + 4
    this.onHeadText(piece.toString('latin1', at, end), end + 4 < piece.length)
    this.#piece = null
    return this.#behindHead
  }

  #readBody(piece: Buffer, at: number): number {
    const end = Math.min(piece.length, at + this.left)
    this.left -= end - at
    if (this.left > 0) {
      this.onBody(at === 0 && end === piece.length ? piece : piece.subarray(at, end))
      return end
    }
    const last = this.state === State.fixed
    this.state = last ? State.idle : State.dataEnd
    this.onBody(piece.subarray(at, end))
    if (last) this.onComplete(end < piece.length, null)
    return end
  }

  /** RFC 9112 section 7.1: hexadecimal digits, extensions that are passed over, CRLF. */
  #readSize(piece: Buffer, at: number): number {
    const end = this.#find(endOfLine, piece, at, sizeLineLimitBytes)
    if (end < 0) return -1
    this.left = parseChunkSize(piece.toString('latin1', at, end))
    this.state = this.left === 0 ? State.trailers : State.data
    return end + 2
  }

  #readDataEnd(piece: Buffer, at: number): number {
    if (piece[at] !== 13 || (piece.length - at >= 2 && piece[at + 1] !== 10))
      throw new SyntaxFault('a chunk is longer than it said')
    if (piece.length - at < 2) return -1
    this.state = State.size
    return at + 2
  }

  /** Checked here; trailers.ts says which of them pass. They never become headers. */
  #readTrailer(piece: Buffer, at: number): number {
    const end = this.#find(endOfLine, piece, at, this.#headLimitBytes)
    if (end < 0) return -1
    this.#trailerBytes += end - at
    if (this.#trailerBytes > this.#headLimitBytes) throw new OversizeFault(this.state, this.#headLimitBytes)
    if (end > at) {
      const { raw, kinds } = parseFields(piece.toString('latin1', at, end), 0, 1)
      // RFC 9110 section 6.5.1: too late to say how the body is framed, or (some readers heed it) what becomes of the connection.
      if (kinds.some((kind) => tooLate.has(kind)))
        throw new SyntaxFault('a trailer speaks of the framing of the body')
      this.#trailers ??= []
      if (this.#trailers.length >= 2 * mostTrailers)
        throw new SyntaxFault(`there are more than ${mostTrailers} trailers`)
      this.#trailers.push(...raw)
      return end + 2
    }
    this.state = State.idle
    this.onComplete(end + 2 < piece.length, this.#trailers)
    return end + 2
  }
}

export class OversizeFault extends SyntaxFault {
  readonly inHead: boolean
  constructor(state: State, limitBytes: number) {
    const what =
      state === State.head ? 'the head' : state === State.size ? 'a chunk-size line' : 'the trailers'
    super(`${what} of the message is too large: more than ${limitBytes} bytes`)
    this.inHead = state === State.head
  }
}

/** A lone line feed would be a line's end to a lenient reader: no use in waiting for more. The line begins at `start`. */
function refuseBareLineFeed(piece: Buffer, start: number, from: number): void {
  for (let at = piece.indexOf(10, from); at >= 0; at = piece.indexOf(10, at + 1)) {
    if (at === start || piece[at - 1] !== 13) throw new SyntaxFault('a line ends without a carriage return')
  }
}

/** At most 13 digits, so that the number is exact; extensions are checked and passed over. */
const sizeLine =
  /^([0-9a-fA-F]{1,13})(?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"[^"\\\x00-\x08\x0a-\x1f\x7f]*"))?)*$/

function parseChunkSize(line: string): number {
  const size = sizeLine.exec(line)
  if (size === null) throw new SyntaxFault('a chunk-size line is not valid')
  return Number.parseInt(size[1] as string, 16)
}
