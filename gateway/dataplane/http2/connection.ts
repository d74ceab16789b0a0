// One connection of a client, HTTP/2: requests in, side by side. Worker thread; made by listener.ts.
import type { Socket } from 'node:net'
import type { Deadlines, Limited } from '../http1/deadlines.ts'
import type { Pages } from '../http1/pages.ts'
import type { ConnectionLimits } from '../http1/server-connection.ts'
import type { Secured } from '../tls/secured.ts'
import { AnswerBlocks } from './answer-block.ts'
import { FloodGuard } from './flood-guard.ts'
import { FrameReader } from './frame-reader.ts'
import { Code, ConnectionFault, type Ending, Flag, firstWindow, largestId, Setting, Type } from './frames.ts'
import type { HpackEncoder } from './hpack-encoder.ts'
import { Inbound, type InboundSink } from './inbound.ts'
import { Outbound, toUint32 } from './outbound.ts'
import type { HeadReader } from './request-head.ts'
import { Http2Stream, type StreamOwner } from './stream.ts'

export interface Http2Limits {
  /** Requests under way at once. */
  readonly streams: number
  /** Bytes of a request's body that may wait here. */
  readonly windowBytes: number
  /** The same for all requests of a connection together. */
  readonly connectionWindowBytes: number
  readonly resetsPerMinute: number
  readonly emptyFramesPerMinute: number
}

/** Whoever serves what comes over a connection. */
export interface Http2Owner {
  readonly limits: ConnectionLimits
  readonly http2: Http2Limits
  readonly deadlines: Deadlines
  readonly pages: Pages
  readonly encoder: HpackEncoder
  /** Sets `stream.served`. */
  onRequest(stream: Http2Stream): void
  onClosed(connection: Http2Connection): void
  /** Why the gateway ends a connection. */
  onEnding(ending: Ending): void
}

/** How long, and with how much, a client may go on behind our last words, so that it gets to read them. */
const lingerMs = 2_000
const lingerBytes = 1 << 20
/** How long a client may go on with new requests when the gateway stops: a round trip, told by a PING. */
const farewellMs = 1_000
/** Answers to PING and SETTINGS wait for the socket too: behind so much, nothing more is read that could ask for them. */
const mostUnsentBytes = 1 << 18

export class Http2Connection implements Limited, InboundSink, StreamOwner {
  deadlineMs: number
  readonly remoteAddress: string
  readonly secured: Secured | null
  readonly outbound: Outbound
  readonly blocks: AnswerBlocks
  readonly deadlines: Deadlines
  readonly idleMs: number
  readonly requestMs: number
  readonly windowBytes: number
  readonly #owner: Http2Owner
  readonly #socket: Socket
  readonly #reader: FrameReader
  readonly #inbound: Inbound
  readonly #guard: FloodGuard
  readonly #streams = new Map<number, Http2Stream>()
  /** Came with the bytes that are read: served once those are, so that a small body is there with its head. */
  #arrived: Http2Stream[] = []
  #lastId = 0
  /** Requests with higher numbers are not served. */
  #lastServedId = largestId
  #requests = 0
  /** Bytes that the client may still send on all streams together, and those that it was not told of yet. */
  #window: number
  #taken = 0
  /** GOAWAY is out and no stream is left, or the client broke the rules: nothing more is read. */
  #closing = false
  #draining = false
  /** A frame or header block is unfinished. */
  #timingHead = true
  /** Which one: so many were whole before. */
  #timedUnit = 0
  /** Waits for the answer to the PING of a farewell. */
  #farewell = false
  #lingered = 0

  constructor(owner: Http2Owner, socket: Socket, secured: Secured | null) {
    const { limits, http2, deadlines, pages } = owner
    this.#owner = owner
    this.#socket = socket
    this.secured = secured
    this.remoteAddress = socket.remoteAddress ?? ''
    this.deadlines = deadlines
    this.idleMs = limits.idleMs
    this.requestMs = limits.requestMs
    this.windowBytes = http2.windowBytes
    this.#window = http2.connectionWindowBytes
    this.#guard = new FloodGuard(http2)
    this.outbound = new Outbound({ socket, pages, guard: this.#guard, deadlines, idleMs: limits.idleMs })
    this.blocks = new AnswerBlocks(owner.encoder)
    this.#inbound = new Inbound(this, this.#guard, limits)
    this.#reader = new FrameReader(this.#inbound)
    this.deadlineMs = deadlines.after(limits.headersMs)
    deadlines.watch(this)
    this.#greet()
    socket.on('data', this.#onChunk)
    // A client that closes its side is gone.
    socket.on('end', () => socket.destroy())
    socket.on('error', ignore)
    socket.on('drain', () => this.#closing || socket.resume())
    socket.on('close', () => this.#onSocketClosed())
  }

  /** Lets requests under way end, and those that are on their way to us. */
  drain(): void {
    if (this.#draining || this.#closing) return
    this.#draining = true
    this.#owner.onEnding('drained')
    if (this.#streams.size === 0) return this.#finish(Code.noError, null)
    this.#farewell = true
    this.#goAway(largestId, Code.noError)
    this.outbound.frame(Type.ping, 0, 0, Buffer.alloc(8))
    this.deadlineMs = this.deadlines.after(farewellMs)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  onDeadline(): void {
    if (this.#closing) return this.destroy()
    if (this.#farewell) return this.#sayLastId()
    if (this.#timingHead) return this.#cut(Code.noError, 'late')
    if (this.#streams.size === 0) this.#finish(Code.noError, 'idle')
  }

  // What the frames say.

  onHead(id: number, head: HeadReader, ended: boolean): void {
    const stream = this.#streams.get(id)
    if (stream !== undefined) return this.#onTrailers(stream, head, ended)
    // What was on its way when its stream ended is none of a request.
    if (id <= this.#lastId || id > this.#lastServedId) return this.#guard.onEmptyFrame()
    this.#lastId = id
    if (this.#isFull()) {
      this.#guard.onReset()
      return this.outbound.reset(id, Code.refusedStream)
    }
    this.#begin(new Http2Stream(this, id, head.toHead(ended), ended))
  }

  onData(id: number, bytes: Buffer, room: number, ended: boolean): void {
    this.#window -= room
    if (this.#window < 0)
      throw new ConnectionFault(Code.flowControl, 'the window of the connection is exceeded')
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.deaf) {
      if (stream !== undefined) stream.received ||= ended
      this.#giveRoom(room)
      return this.#guard.onLateData(bytes.length)
    }
    stream.body.window -= room
    const excess = stream.body.window < 0
    if (excess || stream.received) {
      this.#giveRoom(room)
      return this.#spoil(stream, excess ? Code.flowControl : Code.streamClosed)
    }
    if (room > bytes.length) this.onTaken(stream, room - bytes.length)
    if (bytes.length > 0 && !stream.onData(bytes)) {
      this.#giveRoom(bytes.length)
      this.#guard.onSpoiled()
    }
    if (ended && !stream.onEnd(null)) this.#guard.onSpoiled()
  }

  onReset(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.#guard.onEmptyFrame()
    stream.received = true
    stream.onGone()
    this.#guard.onReset()
  }

  onWindow(id: number, bytes: number): void {
    if (id === 0) return this.outbound.widen(bytes)
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (bytes === 0) return this.#spoil(stream, Code.protocol)
    if (!stream.widen(bytes)) return this.#spoil(stream, Code.flowControl)
    this.outbound.resume()
  }

  onFirstWindow(bytes: number): void {
    const more = bytes - this.outbound.firstWindow
    this.outbound.firstWindow = bytes
    for (const stream of this.#streams.values()) {
      this.#guard.onEmptyFrame()
      if (!stream.widen(more)) throw new ConnectionFault(Code.flowControl, 'a window is too large')
    }
    this.outbound.resume()
  }

  onSettings(): void {
    this.outbound.frame(Type.settings, Flag.ack, 0, null)
  }

  onPing(payload: Buffer, isAck: boolean): void {
    if (!isAck) this.outbound.frame(Type.ping, Flag.ack, 0, payload)
    else if (this.#farewell) this.#sayLastId()
  }

  /** The client begins nothing more; it may also just have ended its account of what we began, which is nothing. */
  onGoAway(): void {
    this.#draining = true
    if (this.#streams.size === 0) this.#finish(Code.noError, null)
  }

  isIdle(id: number): boolean {
    return id % 2 === 0 || (id > this.#lastId && id <= this.#lastServedId)
  }

  // What a stream says.

  onTaken(stream: Http2Stream, bytes: number): void {
    this.#giveRoom(bytes)
    const room = stream.giveRoom(bytes)
    if (room > 0) this.outbound.frame(Type.windowUpdate, 0, stream.id, toUint32(room))
  }

  onOver(stream: Http2Stream): void {
    this.#streams.delete(stream.id)
    if (!stream.received) this.#guard.excuse(stream.body.window)
    // A refusal pays for nothing.
    if (stream.answered && !stream.deaf) this.#guard.onRequestEnded()
    if (this.#streams.size > 0 || this.#closing || this.#farewell) return
    if (this.#draining) this.#finish(Code.noError, null)
    else if (!this.#timingHead) this.deadlineMs = this.deadlines.after(this.idleMs)
  }

  /** The client may have the end of an answer, and begin another request, before all of the page is gone that it is on. */
  #isFull(): boolean {
    const { streams } = this.#owner.http2
    if (this.#streams.size < streams) return false
    let open = 0
    for (const stream of this.#streams.values()) if (!stream.finished) open += 1
    return open >= streams || this.#streams.size >= 2 * streams
  }

  #begin(stream: Http2Stream): void {
    this.#streams.set(stream.id, stream)
    this.#arrived.push(stream)
    this.#requests += 1
    if (!this.#timingHead && !this.#farewell) this.deadlineMs = 0
    if (stream.deaf) this.#guard.onMalformed()
    if (this.#requests !== this.#owner.limits.requests) return
    this.#draining = true
    this.#owner.onEnding('requests')
    this.#sayLastId()
  }

  /** A second header section ends the request (section 8.1). */
  #onTrailers(stream: Http2Stream, head: HeadReader, ended: boolean): void {
    if (stream.received) return this.#spoil(stream, Code.streamClosed)
    const trailers = head.toTrailers()
    if (stream.deaf) {
      stream.received = ended
      this.#guard.onEmptyFrame()
    } else if (!ended || trailers === null) {
      stream.received = ended
      stream.refuse('The trailers of the request are not valid.')
      this.#guard.onSpoiled()
    } else if (!stream.onEnd(trailers.length === 0 ? null : trailers)) this.#guard.onSpoiled()
  }

  /** Section 5.4.2: there is nothing to answer. */
  #spoil(stream: Http2Stream, code: Code): void {
    stream.reset(code)
    this.#guard.onSpoiled()
  }

  #greet(): void {
    const { limits, http2 } = this.#owner
    const settings = Buffer.alloc(18)
    const said = [
      [Setting.maxConcurrentStreams, http2.streams],
      [Setting.initialWindowSize, http2.windowBytes],
      [Setting.maxHeaderListSize, limits.headBytes],
    ] as const
    for (const [index, [name, value]] of said.entries()) {
      settings.writeUInt16BE(name, 6 * index)
      settings.writeUInt32BE(value, 6 * index + 2)
    }
    this.outbound.frame(Type.settings, 0, 0, settings)
    const more = http2.connectionWindowBytes - firstWindow
    if (more > 0) this.outbound.frame(Type.windowUpdate, 0, 0, toUint32(more))
  }

  /** As RequestBody.giveRoom, of all streams together. */
  #giveRoom(bytes: number): void {
    this.#taken += bytes
    if (this.#closing || 2 * this.#taken < this.#owner.http2.connectionWindowBytes) return
    this.outbound.frame(Type.windowUpdate, 0, 0, toUint32(this.#taken))
    this.#window += this.#taken
    this.#taken = 0
  }

  #onChunk = (chunk: Buffer): void => {
    if (this.#closing) return this.#linger(chunk.length)
    try {
      this.#reader.read(chunk)
      this.#serveArrived()
    } catch (error) {
      return this.#fail(error)
    }
    if (this.#closing) return
    this.#timeHead()
    if (this.#socket.writableLength > mostUnsentBytes) this.#socket.pause()
  }

  #serveArrived(): void {
    const arrived = this.#arrived
    if (arrived.length === 0) return
    this.#arrived = []
    for (const stream of arrived) if (!stream.over) this.#owner.onRequest(stream)
  }

  /** An unfinished head has so long; an unfinished DATA frame is a matter of its stream. */
  #timeHead(): void {
    if (this.#farewell) return
    const inHead = this.#inbound.inBlock || this.#reader.inHead
    const { units } = this.#inbound
    // Each has its own time: a busy client may end all that it writes within one.
    if (inHead === this.#timingHead && (!inHead || units === this.#timedUnit)) return
    this.#timingHead = inHead
    this.#timedUnit = units
    const { headersMs } = this.#owner.limits
    if (inHead) this.deadlineMs = this.deadlines.after(headersMs)
    else this.deadlineMs = this.#streams.size > 0 ? 0 : this.deadlines.after(this.idleMs)
  }

  /** What is beyond the last request that we saw was not, and will not be, served. */
  #sayLastId(): void {
    this.#farewell = false
    this.#lastServedId = this.#lastId
    this.deadlineMs = 0
    this.#goAway(this.#lastId, Code.noError)
    if (this.#streams.size === 0) this.#finish(Code.noError, null)
  }

  #goAway(lastId: number, code: Code): void {
    const payload = Buffer.allocUnsafe(8)
    payload.writeUInt32BE(lastId)
    payload.writeUInt32BE(code, 4)
    this.outbound.frame(Type.goAway, 0, 0, payload)
  }

  #fail(error: unknown): void {
    if (!(error instanceof ConnectionFault)) throw error
    this.#cut(error.code, error.ending)
  }

  /** Nothing is said behind the last words, so nothing that is under way can end. */
  #cut(code: Code, ending: Ending): void {
    const streams = [...this.#streams.values()]
    this.#finish(code, ending)
    for (const stream of streams) stream.onGone()
  }

  /** The last words, then the end; `ending` is null where it was told before or the client wished it. */
  #finish(code: Code, ending: Ending | null): void {
    if (this.#closing) return
    this.#closing = true
    this.#inbound.stop()
    this.#arrived = []
    if (ending !== null) this.#owner.onEnding(ending)
    this.#goAway(this.#lastId, code)
    this.outbound.flush()
    this.deadlineMs = this.deadlines.after(lingerMs)
    this.#socket.end()
    this.#socket.resume()
  }

  #linger(bytes: number): void {
    this.#lingered += bytes
    if (this.#lingered > lingerBytes) this.destroy()
  }

  #onSocketClosed(): void {
    this.#closing = true
    this.deadlines.unwatch(this)
    this.outbound.close()
    for (const stream of [...this.#streams.values()]) stream.onGone()
    this.#owner.onClosed(this)
  }
}

function ignore(): void {}
