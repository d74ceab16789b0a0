// One request of an HTTP/2 connection and its answer. Worker thread; made by connection.ts, which reads for it.
import type { Socket } from 'node:net'
import type { BodyReader, Downstream, RequestFault, RequestHead, Served } from '../downstream.ts'
import { type Deadlines, type Limited, Stall } from '../http1/deadlines.ts'
import { findField } from '../http1/fields.ts'
import type { Secured } from '../tls/secured.ts'
import type { Trailers } from '../trailers.ts'
import type { AnswerBlocks } from './answer-block.ts'
import { Code, Flag, largestWindow, Type } from './frames.ts'
import type { Outbound, Sender } from './outbound.ts'
import { RequestBody } from './request-body.ts'

/** What a stream asks of its connection. */
export interface StreamOwner {
  readonly remoteAddress: string
  readonly secured: Secured | null
  readonly outbound: Outbound
  readonly blocks: AnswerBlocks
  readonly deadlines: Deadlines
  /** How long a client may take nothing of an answer. */
  readonly idleMs: number
  /** For all of a request; 0 is no limit. */
  readonly requestMs: number
  readonly windowBytes: number
  /** So many bytes of a body need no more room. */
  onTaken(stream: Http2Stream, bytes: number): void
  /** Nothing more is sent or taken of it. */
  onOver(stream: Http2Stream): void
}

const requestLate: RequestFault = {
  status: 408,
  code: 'AEGIS_HTTP_408',
  detail: 'The request did not arrive in time.',
}

export class Http2Stream implements Downstream, Sender, Limited {
  readonly id: number
  head: RequestHead
  answered = false
  /** Who serves it; set by the owner of the connection as it gets it. */
  served: Served | null = null
  window: number
  /** Of the request. */
  deadlineMs = 0
  /** END_STREAM came. */
  received: boolean
  /** The rest of the request is of no interest. */
  deaf: boolean
  over = false
  readonly body: RequestBody
  readonly #owner: StreamOwner
  /** For the whole of the request, or where it is gRPC, which may last, for each pause. */
  readonly #lasting: boolean
  /** Told with RST_STREAM where the request has not ended by itself. */
  #verdict: Code = Code.noError
  /** Not yet written: null before `respond` and once it is out. */
  #pending: { readonly status: number; readonly headers: readonly string[] } | null = null
  /** No body follows the head: HEAD, 204, 304. */
  #bodiless = false
  /** Bytes of the announced body that are still due; Infinity when none were announced. */
  #due = Number.POSITIVE_INFINITY
  /** Copies of what the windows hold back. */
  readonly #queue: Buffer[] = []
  #sentOfFirst = 0
  #ended = false
  #trailers: Trailers = null
  #headSent = false
  /** END_STREAM is written. */
  #finished = false
  #drained: (() => void) | null = null
  #stall: Stall | null = null

  /** `received`: nothing follows the head. */
  constructor(owner: StreamOwner, id: number, head: RequestHead, received: boolean) {
    this.#owner = owner
    this.id = id
    this.head = head
    this.received = received
    this.deaf = head.fault !== null
    if (this.deaf) this.#verdict = Code.protocol
    this.window = owner.outbound.firstWindow
    this.#lasting = (findField(head.fields, 'content-type') ?? '').startsWith('application/grpc')
    const complete = head.body === 'none'
    this.body = new RequestBody(owner.windowBytes, complete, (bytes) => owner.onTaken(this, bytes))
    if (complete) return
    owner.deadlines.watch(this)
    this.#renewDeadline()
  }

  get complete(): boolean {
    return this.body.complete
  }

  /** The last frame of the answer is written, although it may not have gone yet. */
  get finished(): boolean {
    return this.#finished
  }

  get remoteAddress(): string {
    return this.#owner.remoteAddress
  }

  get secured(): Secured | null {
    return this.#owner.secured
  }

  // The request.

  read(reader: BodyReader): void {
    this.body.read(reader)
  }

  pause(): void {
    this.body.pause()
  }

  resume(): void {
    this.body.resume()
  }

  takeBody(limitBytes: number): Buffer | null {
    return this.body.take(limitBytes)
  }

  /** False: it is more than was announced. */
  onData(bytes: Buffer): boolean {
    const { length } = this.head
    if (length >= 0 && this.body.received + bytes.length > length)
      return this.refuse('The request body is longer than it said.')
    if (this.#lasting) this.#renewDeadline()
    this.body.add(bytes)
    return true
  }

  /** False: it is less than was announced. */
  onEnd(trailers: Trailers): boolean {
    const { length } = this.head
    this.received = true
    if (this.deaf) return true
    if (length >= 0 && this.body.received !== length)
      return this.refuse('The request body is shorter than it said.')
    this.#stopClock()
    this.body.end(trailers)
    return true
  }

  /** The request is malformed (section 8.1.1). Where nobody has seen it yet, it is served as refused. */
  refuse(detail: string): false {
    const fault: RequestFault = { status: 400, code: 'AEGIS_BAD_REQUEST', detail }
    if (this.served === null) this.head = { ...this.head, fault }
    this.#fail(fault, Code.protocol)
    return false
  }

  /** So many bytes of the body need no more room; of how many the client is to be told. */
  giveRoom(bytes: number): number {
    return this.over || this.deaf ? 0 : this.body.giveRoom(bytes)
  }

  /** The client cancelled it or is gone. */
  onGone(): void {
    if (this.over) return
    this.#close()
    this.body.break()
    this.served?.onOver()
  }

  onDeadline(): void {
    this.#fail(requestLate, Code.cancel)
  }

  #fail(fault: RequestFault, code: Code): void {
    this.#stopClock()
    this.deaf = true
    this.#verdict = code
    this.body.drop()
    this.served?.onFault(fault)
  }

  #renewDeadline(): void {
    const { requestMs, deadlines } = this.#owner
    this.deadlineMs = requestMs > 0 ? deadlines.after(requestMs) : 0
  }

  #stopClock(): void {
    this.deadlineMs = 0
    this.#owner.deadlines.unwatch(this)
  }

  // The answer.

  invite(): void {
    this.inform(100, [])
  }

  inform(status: number, headers: readonly string[]): void {
    if (this.over || this.#headSent) return
    this.#owner.outbound.headers(this.id, this.#owner.blocks.interim(status, headers), false)
  }

  /** Other streams go on, so that `last` means nothing here: connection.ts knows when to end. */
  respond(status: number, headers: readonly string[], _last: boolean): void {
    const length = this.#owner.blocks.check(status, headers)
    this.#bodiless = this.head.method === 'HEAD' || status === 204 || status === 304
    if (length >= 0 && !this.#bodiless) this.#due = length
    this.#pending = { status, headers }
  }

  flush(): void {
    this.#sendHead(false)
  }

  write(bytes: Buffer): boolean {
    if (this.#bodiless || bytes.length === 0 || this.over || this.#ended) return true
    this.#due -= bytes.length
    if (this.#due < 0) {
      this.breakOff()
      return true
    }
    this.#sendHead(false)
    return this.#send(bytes, false)
  }

  onDrain(callback: () => void): void {
    this.#drained = callback
  }

  end(bytes: Uint8Array | string | null, trailers: Trailers): void {
    if (this.#ended || this.over) return
    if (!this.#bodiless) this.#trailers = trailers
    const rest = bytes === null || this.#bodiless ? null : toBuffer(bytes)
    if (rest !== null) this.#due -= rest.length
    // Section 8.1.1: what is not as long as it said must not end well.
    if (this.#due < 0 || (this.#due > 0 && this.#due !== Number.POSITIVE_INFINITY)) return this.breakOff()
    this.#ended = true
    const empty = rest === null || rest.length === 0
    this.#sendHead(empty && this.#trailers === null)
    if (!empty) this.#send(rest, true)
    else if (this.#queue.length === 0 && !this.#finished) this.#sendEnd()
  }

  breakOff(): void {
    if (!this.#finished) this.reset(Code.internal)
  }

  /** Tunnels are of HTTP/1.1: a WebSocket over HTTP/2 (RFC 8441) is not offered. */
  detach(): { socket: Socket; ahead: Buffer } {
    throw new Error('an HTTP/2 stream has no socket to hand over')
  }

  // Called by outbound.ts and connection.ts.

  pump(): void {
    const { outbound } = this.#owner
    while (this.#queue.length > 0) {
      const first = this.#queue[0] as Buffer
      const last = this.#ended && this.#queue.length === 1
      const closes = last && this.#trailers === null
      this.#sentOfFirst += outbound.data(this, first, this.#sentOfFirst, closes)
      if (this.#sentOfFirst < first.length) return this.#awaitTurn()
      this.#queue.shift()
      this.#sentOfFirst = 0
      if (last) return closes ? this.#finish() : this.#sendEnd()
    }
    this.#stopStall()
    if (outbound.stalled) return outbound.wait(this)
    const drained = this.#drained
    this.#drained = null
    drained?.()
  }

  /** False: the window is larger than any may be. */
  widen(bytes: number): boolean {
    if (this.window + bytes > largestWindow) return false
    this.window += bytes
    if (this.#queue.length > 0 && this.window > 0) this.#owner.outbound.wait(this)
    return true
  }

  onSent(): void {
    if (this.over) return
    this.answered = true
    this.#close()
    this.served?.onOver()
  }

  /** Ends it so that the client can tell that the answer is not whole. */
  reset(code: Code): void {
    if (this.over) return
    this.#owner.outbound.reset(this.id, code)
    this.onGone()
  }

  #sendHead(last: boolean): void {
    const head = this.#pending
    if (head === null || this.over) return
    this.#pending = null
    this.#headSent = true
    const ends = last || this.#bodiless
    this.#owner.outbound.headers(this.id, this.#owner.blocks.final(head.status, head.headers), ends)
    if (ends) this.#finish()
  }

  /** False: it did not all go out. */
  #send(bytes: Buffer, last: boolean): boolean {
    const { outbound } = this.#owner
    const closes = last && this.#trailers === null
    const sent = this.#queue.length === 0 ? outbound.data(this, bytes, 0, closes) : 0
    if (sent < bytes.length) {
      this.#queue.push(Buffer.from(bytes.subarray(sent)))
      this.#awaitTurn()
      return false
    }
    if (closes) this.#finish()
    else if (last) this.#sendEnd()
    else if (outbound.stalled) outbound.wait(this)
    return !outbound.stalled
  }

  /** A client that does not take what waits for it within the time that a connection may idle is not waited for. */
  #awaitTurn(): void {
    const { outbound, deadlines, idleMs } = this.#owner
    this.#stall ??= new Stall(deadlines, idleMs, () => this.reset(Code.cancel))
    if (this.window > 0) outbound.wait(this)
  }

  #stopStall(): void {
    this.#stall?.end()
    this.#stall = null
  }

  #sendEnd(): void {
    const { outbound, blocks } = this.#owner
    if (this.#trailers === null) outbound.frame(Type.data, Flag.endStream, this.id, null)
    else outbound.headers(this.id, blocks.trailers(this.#trailers), true)
    this.#finish()
  }

  /** The last frame of the answer is written. */
  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#stopStall()
    const { outbound } = this.#owner
    if (!this.received) outbound.reset(this.id, this.#verdict)
    outbound.ending(this)
  }

  #close(): void {
    this.over = true
    this.#stopClock()
    this.#stopStall()
    this.#queue.length = 0
    this.#owner.outbound.forget(this)
    if (this.answered) this.body.drop()
    this.#owner.onOver(this)
  }
}

function toBuffer(bytes: Uint8Array | string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes)
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
