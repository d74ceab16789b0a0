// One connection of a client, HTTP/1.1: requests in, one at a time. Worker thread; made by listener.ts.
import type { Socket } from 'node:net'
import type { RequestFault, RequestHead } from '../downstream.ts'
import type { Secured } from '../tls/secured.ts'
import type { Trailers } from '../trailers.ts'
import { type Deadlines, type Limited, Stall } from './deadlines.ts'
import type { Pages } from './pages.ts'
import { RequestParser, type RequestSink } from './request-parser.ts'
import { ServerStream } from './server-stream.ts'

export interface ConnectionLimits {
  readonly headBytes: number
  readonly fields: number
  /** 0 for any number. */
  readonly requests: number
  readonly headersMs: number
  /** For all of a request; 0 is no limit. */
  readonly requestMs: number
  readonly idleMs: number
}

/** Whoever serves what comes over a connection. */
export interface ConnectionOwner {
  readonly limits: ConnectionLimits
  readonly deadlines: Deadlines
  readonly pages: Pages
  /** True: the answer that is due is the last. */
  draining(): boolean
  /** Sets `stream.served`. */
  onRequest(stream: ServerStream): void
  onClosed(connection: ServerConnection): void
}

/** How long a client may go on sending after its last answer, so that it gets to read it (RFC 9112 section 9.6). */
const lingerMs = 2_000
const lingerBytes = 1 << 20

const headLate: RequestFault = {
  status: 408,
  code: 'AEGIS_HTTP_408',
  detail: 'The request did not arrive in time.',
}

export class ServerConnection implements RequestSink, Limited {
  deadlineMs: number
  readonly remoteAddress: string
  readonly secured: Secured | null
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #parser: RequestParser
  /** The request that is read or answered. */
  #stream: ServerStream | null = null
  /** What a pause left over. */
  #ahead: Buffer | null = null
  #reading = false
  #requests = 0
  /** Nothing more is read as a request. */
  #closing = false
  /** The next request is the last. */
  #draining = false
  #timingHead = true
  #lingered = 0
  #detached = false
  /** The socket takes no more at present. */
  #stalled: Stall | null = null

  constructor(owner: ConnectionOwner, socket: Socket, secured: Secured | null) {
    this.secured = secured
    this.#owner = owner
    this.#socket = socket
    this.remoteAddress = socket.remoteAddress ?? ''
    const { limits, deadlines } = owner
    this.#parser = new RequestParser(this, limits.headBytes, limits.fields)
    this.deadlineMs = deadlines.after(limits.headersMs)
    deadlines.watch(this)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', ignore)
    socket.on('close', () => this.#onClose())
  }

  /** Closes an idle connection, or the one under way after its answer. */
  drain(): void {
    if (this.#stream !== null) this.#stream.last = true
    else if (!this.#detached && !this.#parser.inHead) this.destroy()
    this.#draining = true
  }

  destroy(): void {
    this.#socket.destroy()
  }

  reset(): void {
    // What ends without close_notify is told from what is whole (RFC 9112 section 9.8).
    if (this.secured === null) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  // What the parser says.

  onHead(head: RequestHead): void {
    const { limits, deadlines } = this.#owner
    this.#requests += 1
    this.#timingHead = false
    const stream = new ServerStream(this, head)
    if (head.fault !== null) this.#closing = true
    if (this.#closing || this.#draining || this.#requests === limits.requests) stream.last = true
    this.#stream = stream
    this.deadlineMs = !stream.complete && limits.requestMs > 0 ? deadlines.after(limits.requestMs) : 0
    // Nothing of the body is read before somebody wants it, and no other request before this one is answered.
    this.#parser.paused = true
    this.#owner.onRequest(stream)
  }

  onBody(bytes: Buffer): void {
    this.#stream?.onBody(bytes)
  }

  onComplete(trailers: Trailers): void {
    const stream = this.#stream
    if (stream === null) return
    this.deadlineMs = 0
    this.#parser.paused = true
    stream.onComplete(trailers)
    if (stream.answered) this.#next()
  }

  onBroken(fault: RequestFault): void {
    this.#closing = true
    this.#stream?.served?.onFault(fault)
  }

  // What the stream asks for. One that is over is not listened to.

  pauseBody(stream: ServerStream): void {
    if (stream === this.#stream && !stream.complete) this.#parser.paused = true
  }

  resumeBody(stream: ServerStream): void {
    if (stream !== this.#stream || stream.complete || !this.#parser.paused) return
    this.#parser.paused = false
    if (!this.#reading) this.#continue()
  }

  /** The body, where all of it is here. */
  takeBody(stream: ServerStream, length: number): Buffer | null {
    if (stream !== this.#stream || stream.complete) return null
    const bytes = this.#parser.takeFixed(length, this.#ahead)
    if (bytes === null) return null
    if (this.#ahead !== null) this.#ahead = this.#ahead.length > length ? this.#ahead.subarray(length) : null
    stream.complete = true
    this.deadlineMs = 0
    // So that it is seen when the client leaves.
    if (this.#ahead === null && this.#socket.isPaused()) this.#socket.resume()
    return bytes
  }

  write(text: string): boolean {
    return this.#socket.destroyed || this.#track(this.#socket.write(text, 'latin1'))
  }

  /** The bytes are copied: they may be overwritten as soon as this returns. */
  writeParts(before: string, bytes: Buffer, after: string): boolean {
    const socket = this.#socket
    if (socket.destroyed) return true
    if (before === '' && after === '') return this.#track(this.#owner.pages.write(socket, bytes))
    socket.cork()
    if (before !== '') socket.write(before, 'latin1')
    this.#owner.pages.write(socket, bytes)
    if (after !== '') socket.write(after, 'latin1')
    socket.uncork()
    return this.#track(!socket.writableNeedDrain)
  }

  onDrain(callback: () => void): void {
    this.#socket.once('drain', callback)
  }

  /** The stream wrote its last byte. */
  onWritten(stream: ServerStream): void {
    if (this.#socket.writableLength === 0) return this.#onAnswered(stream)
    // A client that reads nothing would hold it for good: too little may be left for the socket to tell of a stall.
    this.deadlineMs = this.#owner.deadlines.after(this.#owner.limits.idleMs)
    this.#socket.write('', (error) => {
      if (!error) this.#onAnswered(stream)
    })
  }

  /** The socket is the tunnel's from now on; its end is still the end of the request. */
  detach(stream: ServerStream, head: string): { socket: Socket; ahead: Buffer } {
    this.#detached = true
    this.deadlineMs = 0
    this.#owner.deadlines.unwatch(this)
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.write(head, 'latin1')
    const ahead = this.#ahead ?? Buffer.alloc(0)
    this.#ahead = null
    stream.last = true
    return { socket, ahead }
  }

  onDeadline(): void {
    const stream = this.#stream
    if (stream === null && this.#parser.inHead && !this.#closing) return this.#parser.abandon(headLate)
    if (stream !== null && !stream.complete && !stream.answered) return this.#parser.abandon(headLate)
    this.destroy()
  }

  #onData = (chunk: Buffer): void => {
    if (this.#closing && this.#stream === null) return this.#linger(chunk.length)
    if (this.#ahead !== null || (this.#parser.paused && !this.#reading)) {
      this.#ahead = this.#ahead === null ? chunk : Buffer.concat([this.#ahead, chunk])
      this.#socket.pause()
      return
    }
    this.#read(chunk)
  }

  #read(chunk: Buffer): void {
    this.#reading = true
    const left = this.#parser.read(chunk)
    this.#reading = false
    if (left.length > 0) this.#ahead = left
    if (this.#parser.paused) return this.#hold()
    if (this.#parser.inHead && !this.#timingHead) {
      this.#timingHead = true
      this.deadlineMs = this.#owner.deadlines.after(this.#owner.limits.headersMs)
    }
  }

  /** The parser paused: for a request under way, or behind one that was answered at once. */
  #hold(): void {
    const stream = this.#stream
    if (stream === null && !this.#closing) return this.#awaitRequest()
    if (this.#ahead !== null || (stream !== null && !stream.complete)) this.#socket.pause()
  }

  #continue(): void {
    const ahead = this.#ahead
    this.#ahead = null
    if (ahead !== null) this.#read(ahead)
    if (!this.#parser.paused && !this.#socket.destroyed) this.#socket.resume()
  }

  #onAnswered(stream: ServerStream): void {
    if (stream !== this.#stream || stream.answered) return
    stream.answered = true
    stream.served?.onOver()
    // Else the upstream or a plugin answered without having read all of the request.
    if (stream.complete || stream.last) return this.#next()
    if (this.deadlineMs === 0) this.deadlineMs = this.#owner.deadlines.after(this.#owner.limits.idleMs)
    stream.discard()
  }

  /** Request and answer are over. */
  #next(): void {
    const stream = this.#stream
    this.#stream = null
    if (stream === null) return
    if (stream.last || this.#closing || this.#draining || this.#owner.draining()) return this.#close()
    this.deadlineMs = this.#owner.deadlines.after(this.#owner.limits.idleMs)
    if (!this.#reading) this.#awaitRequest()
  }

  #awaitRequest(): void {
    if (this.#ahead === null) {
      this.#parser.paused = false
      return
    }
    this.#socket.pause()
    // Not within the call that ended the answer before, nor before other connections had their turn: a client that
    // pipelines must neither grow the stack nor hold up anybody.
    setImmediate(() => this.#resumeRequests())
  }

  #resumeRequests(): void {
    if (this.#stream !== null || this.#closing || this.#socket.destroyed) return
    this.#parser.paused = false
    this.#continue()
  }

  /** No more requests: the answer is let out, and what the client still sends is not read as one. */
  #close(): void {
    this.#closing = true
    this.#parser.stop()
    this.#ahead = null
    this.deadlineMs = this.#owner.deadlines.after(lingerMs)
    this.#socket.end()
    this.#socket.resume()
  }

  /** The answer to the last request is out: what still comes is thrown away, within limits. */
  #linger(bytes: number): void {
    this.#lingered += bytes
    if (this.#lingered > lingerBytes) this.destroy()
  }

  /** A client that closes its side is gone, unless all of its answer is on its way. */
  #onEnd = (): void => {
    const stream = this.#stream
    if (stream?.ended && !stream.answered) stream.last = true
    else this.destroy()
  }

  #onClose(): void {
    this.#owner.deadlines.unwatch(this)
    this.#stalled?.end()
    const stream = this.#stream
    this.#stream = null
    if (stream !== null && !stream.answered) {
      if (!stream.complete) stream.onBroken()
      stream.served?.onOver()
    }
    this.#owner.onClosed(this)
  }

  /** A client that takes nothing of its answer for as long as a connection may idle is cut off. */
  #track(taken: boolean): boolean {
    if (!taken && this.#stalled === null) {
      const stall = new Stall(this.#owner.deadlines, this.#owner.limits.idleMs, () => this.destroy())
      this.#stalled = stall
      this.#socket.once('drain', () => {
        stall.end()
        this.#stalled = null
      })
    }
    return taken
  }
}

function ignore(): void {}
