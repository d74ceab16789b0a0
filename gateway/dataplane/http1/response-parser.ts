// Responses of upstreams: heads and what they say of the body. Worker thread; used by connection.ts.
import type { Trailers } from '../trailers.ts'
import { type Fields, parseFields, SyntaxFault } from './fields.ts'
import { MessageParser, State } from './message-parser.ts'
import { parseStatusLine, readFraming } from './response-head.ts'

/** Called back while a piece is parsed; must not throw. Bytes are valid during the call only. */
export interface ResponseSink {
  /** Status 1xx are followed by another head, but for 101. */
  onHead(status: number, fields: Fields): void
  onBody(bytes: Buffer): void
  /** The parser takes no more bytes until the next `expect`. */
  onComplete(trailers: Trailers): void
}

const headLimitBytes = 65_536
const mostFields = 256

export class ResponseParser extends MessageParser {
  readonly #sink: ResponseSink
  #headRequest = false
  /** What was asked for by Upgrade; '' is nothing. */
  #upgrade = ''
  /** True while nothing speaks against another request on this connection. */
  reusable = true
  /** How long the peer said it keeps an idle connection, less a second for the way. */
  keepAliveMs = Number.POSITIVE_INFINITY

  constructor(sink: ResponseSink) {
    super(headLimitBytes)
    this.#sink = sink
  }

  /** Before each request. `upgrade`: the protocol that it asks to change to. */
  expect(method: string, upgrade = ''): void {
    this.state = State.head
    this.#headRequest = method === 'HEAD'
    this.#upgrade = upgrade
  }

  /** The peer closed its side. Throws unless that is where the body ends. */
  finish(): void {
    if (this.state === State.idle) return
    if (this.state !== State.untilClose) throw new SyntaxFault('the connection ended before the answer did')
    this.state = State.idle
    this.#sink.onComplete(null)
  }

  protected override onHeadText(text: string, more: boolean): void {
    const firstEnd = text.indexOf('\r\n')
    const { status, old } = parseStatusLine(firstEnd < 0 ? text : text.slice(0, firstEnd))
    const fields = parseFields(text, firstEnd < 0 ? text.length : firstEnd + 2, mostFields)
    const { length, chunked, close, keepAlive, idleSeconds, upgrade } = readFraming(fields, old)
    if (status === 101) return this.#switch(fields, upgrade, old)
    // After either of these nothing more could come, or nothing that both sides understand.
    if (status < 200 && (close || old)) throw new SyntaxFault('an interim answer that cannot be one')
    // RFC 9110 section 8.6: these have no body. One that comes anyway would be taken for the next answer.
    if ((status < 200 || status === 204) && (chunked || length > 0)) this.reusable = false
    if (status < 200) return this.#sink.onHead(status, fields)
    if (close || (old && !keepAlive)) this.reusable = false
    if (idleSeconds >= 0) this.keepAliveMs = (idleSeconds - 1) * 1_000
    if (this.keepAliveMs <= 0) this.reusable = false
    this.startBody(
      this.#headRequest || status === 204 || status === 304 ? State.idle : toState(length, chunked),
      length,
    )
    if (this.state === State.untilClose) this.reusable = false
    if (this.state !== State.idle) return this.#sink.onHead(status, fields)
    if (more) this.reusable = false
    this.#sink.onHead(status, fields)
    this.#sink.onComplete(null)
  }

  protected override onBody(bytes: Buffer): void {
    this.#sink.onBody(bytes)
  }

  protected override onComplete(more: boolean, trailers: Trailers): void {
    if (more) this.reusable = false
    this.#sink.onComplete(trailers)
  }

  /** RFC 9110 section 15.2.2: from here on the bytes are of the protocol that was asked for. */
  #switch(fields: Fields, upgrade: string, old: boolean): void {
    if (this.#upgrade === '' || upgrade !== this.#upgrade || old)
      throw new SyntaxFault('the upstream switches to a protocol that was not asked for')
    this.reusable = false
    this.startBody(State.untilClose, 0)
    this.#sink.onHead(101, fields)
  }
}

function toState(length: number, chunked: boolean): State {
  if (chunked) return State.size
  if (length === 0) return State.idle
  return length > 0 ? State.fixed : State.untilClose
}
