// One connection to an upstream: one request at a time, head and body in one write where they fit. Worker thread; made
// by client.ts, which decides who uses it.
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Trailers } from '../trailers.ts'
import type { TargetAddress } from '../upstream/target-address.ts'
import type { Queued, UpstreamHandler, UpstreamRequest, UpstreamStream } from '../upstream/transport.ts'
import type { Deadlines, Limited } from './deadlines.ts'
import { type Fields, SyntaxFault } from './fields.ts'
import { toRequestHead } from './request-head.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'
import { Upload, type UploadOwner } from './upload.ts'

export interface ClientTimeouts {
  readonly connectMs: number
  /** From the end of the request to the head of the answer. */
  readonly headersMs: number
  /** Between two bytes of a body, either way. */
  readonly bodyIdleMs: number
  /** A connection that nobody used for so long is closed. */
  readonly keepAliveMs: number
}

export class UpstreamTimeout extends Error {
  readonly code: 'UPSTREAM_CONNECT_TIMEOUT' | 'UPSTREAM_HEADERS_TIMEOUT' | 'UPSTREAM_BODY_TIMEOUT'
  constructor(code: UpstreamTimeout['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A request and whoever waits for its answer. */
export class Call implements UpstreamStream, Queued {
  readonly request: UpstreamRequest
  readonly handler: UpstreamHandler
  /** Why nobody waits any longer. */
  aborted: Error | null = null
  /** null before it goes out and once it is over, so that a connection is never asked for what belongs to an earlier call. */
  connection: ClientConnection | null = null
  full = false
  /** Where it waits for a connection. */
  line: Call[] | null = null

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    this.request = request
    this.handler = handler
  }

  pause(): void {
    this.connection?.pause()
  }

  resume(): void {
    this.connection?.resume()
  }

  abort(reason: Error): void {
    this.aborted ??= reason
    this.connection?.fail(reason)
  }

  leave(): void {
    const at = this.line?.indexOf(this) ?? -1
    if (at >= 0) this.line?.splice(at, 1)
  }
}

export interface ConnectionPool {
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  /** All connections read into it: bytes are used up before the next read. */
  readonly readBuffer: Uint8Array
  onConnected(connection: ClientConnection): void
  /** It can take a request now. */
  onFree(connection: ClientConnection): void
  /** It is no more; `unused` says why no request could go out on it, null when one did or could have. */
  onGone(connection: ClientConnection, unused: Error | null): void
}

/** By us. */
const closed = new Error('the connection was closed')
const closedByUpstream = new SyntaxFault('the upstream closed the connection')

export class ClientConnection implements ResponseSink, UploadOwner, Limited {
  deadlineMs: number
  readonly #pool: ConnectionPool
  readonly #socket: Socket
  readonly #parser = new ResponseParser(this)
  #call: Call | null = null
  #upload: Upload | null = null
  #connected = false
  #used = false
  #gone = false
  /** The final head came. */
  #answered = false
  /** All of the request is written. */
  #sent = true
  /** What a pause left over. */
  #ahead: Buffer | null = null
  /** The upstream closed its side while an answer was held back. */
  #ended = false
  /** Head of the answer that made the socket a tunnel's. */
  #switched: Fields | null = null

  /** `whole`: the socket may be handed over to a tunnel, so that it reads as every socket does. */
  constructor(pool: ConnectionPool, target: TargetAddress, whole: boolean) {
    this.#pool = pool
    const socket = this.#dial(target, whole)
    socket.on(target.tls === null ? 'connect' : 'secureConnect', this.#onConnect)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    this.#socket = socket
    this.deadlineMs = pool.deadlines.after(pool.timeouts.connectMs)
    pool.deadlines.watch(this)
  }

  /** Only on a free connection. False: nobody waits for this call any longer, and the connection is as good as before. */
  start(call: Call): boolean {
    const { request, handler } = call
    handler.onStart(call)
    if (call.aborted !== null) {
      handler.onError(call.aborted)
      return false
    }
    this.#call = call
    call.connection = this
    this.#used = true
    this.#answered = false
    this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.headersMs)
    this.#parser.expect(request.method, request.upgrade ? 'websocket' : '')
    this.#write(request)
    return true
  }

  /** Only on a free connection. */
  close(): void {
    this.fail(closed)
  }

  // What the call asks for.

  pause(): void {
    this.#parser.paused = true
  }

  resume(): void {
    if (!this.#parser.paused) return
    this.#parser.paused = false
    this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.bodyIdleMs)
    const ahead = this.#ahead
    if (ahead === null) return
    this.#ahead = null
    if (ahead.length > 0) this.#read(ahead)
    if (this.#gone || this.#parser.paused) return
    if (this.#ended) this.#finish()
    else this.#socket.resume()
  }

  // What the parser says.

  onHead(status: number, fields: Fields): void {
    const call = this.#call
    if (call === null) return
    if (status === 101) {
      this.#switched = fields
      this.#parser.paused = true
      return
    }
    if (status >= 200) this.#answered = true
    // Until the request is out it is the client who may be slow.
    if (this.#answered || this.#sent)
      this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.bodyIdleMs)
    call.handler.onHead(call, status, fields)
  }

  onBody(bytes: Buffer): void {
    this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.bodyIdleMs)
    const call = this.#call
    call?.handler.onData(call, bytes)
  }

  onComplete(trailers: Trailers): void {
    const call = this.#call
    if (call === null) return
    this.#letGo(call)
    // The upstream answered before it had read all of the request: what it still expects cannot be known.
    const reusable = this.#parser.reusable && this.#sent && !this.#ended
    this.#parser.paused = false
    this.#stopUpload()
    if (!reusable) this.#destroy(null)
    call.handler.onEnd(trailers)
    if (reusable) this.release()
  }

  /** Free for the next request. */
  release(): void {
    const { deadlines, timeouts } = this.#pool
    this.deadlineMs = deadlines.after(Math.min(timeouts.keepAliveMs, this.#parser.keepAliveMs))
    this.#pool.onFree(this)
  }

  // What the upload says.

  onStalled(): void {
    if (!this.#answered) this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.bodyIdleMs)
  }

  /** A slow upload is the client's affair. */
  onFlowing(): void {
    if (!this.#answered) this.deadlineMs = 0
  }

  onSent(): void {
    this.#sent = true
    this.#upload = null
    if (!this.#answered) this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.headersMs)
  }

  onUploadError(error: Error): void {
    this.fail(error)
  }

  onDeadline(): void {
    const { connectMs, headersMs, bodyIdleMs } = this.#pool.timeouts
    if (!this.#connected)
      this.fail(new UpstreamTimeout('UPSTREAM_CONNECT_TIMEOUT', `no connection within ${connectMs} ms`))
    else if (this.#call === null) this.fail(closed)
    else if (this.#answered || !this.#sent)
      this.fail(new UpstreamTimeout('UPSTREAM_BODY_TIMEOUT', `no byte went on within ${bodyIdleMs} ms`))
    else this.fail(new UpstreamTimeout('UPSTREAM_HEADERS_TIMEOUT', `no answer within ${headersMs} ms`))
  }

  #dial({ host, port, tls }: TargetAddress, whole: boolean): Socket {
    const options = { host, port, noDelay: true, keepAlive: true, allowHalfOpen: true }
    if (tls !== null)
      return connectTls({ ...options, ...tls, ALPNProtocols: ['http/1.1'] }).on('data', this.#onData)
    if (whole) return connect(options).on('data', this.#onData)
    return connect({ ...options, onread: { buffer: this.#pool.readBuffer, callback: this.#onRead } })
  }

  #write(request: UpstreamRequest): void {
    const socket = this.#socket
    const { body, length } = request
    const head = toRequestHead(request)
    if (body === null) {
      socket.write(head, 'latin1')
    } else if (Buffer.isBuffer(body)) {
      // One string, one system call; latin1 keeps every byte.
      if (body.length <= 16_384) socket.write(head + body.toString('latin1'), 'latin1')
      else {
        socket.cork()
        socket.write(head, 'latin1')
        socket.write(body)
        socket.uncork()
      }
    } else {
      this.#sent = false
      this.deadlineMs = 0
      socket.write(head, 'latin1')
      this.#upload = new Upload(socket, body, length, this)
      this.#upload.start()
    }
  }

  #onConnect = (): void => {
    this.#connected = true
    this.#pool.onConnected(this)
    this.release()
  }

  #onRead = (count: number, buffer: Uint8Array): boolean => {
    this.#read((buffer as Buffer).subarray(0, count))
    return true
  }

  #onData = (chunk: Buffer): void => this.#read(chunk)

  #read(piece: Buffer): void {
    if (this.#gone) return
    if (this.#parser.paused) return this.#hold(piece)
    let left: Buffer
    try {
      left = this.#parser.execute(piece)
    } catch (error) {
      return this.fail(error as Error)
    }
    if (this.#gone || !this.#parser.paused) return
    if (this.#switched !== null) return this.#handOver(this.#switched, left)
    // The body waits for its reader, not for the upstream.
    this.#ahead = left
    this.deadlineMs = 0
  }

  /** Reading stops with the first bytes that come while nobody wants them, so that an end or a reset is seen until then. */
  #hold(piece: Buffer): void {
    this.#ahead = Buffer.concat(this.#ahead === null ? [piece] : [this.#ahead, piece])
    this.#socket.pause()
  }

  /** From here on the socket is a tunnel's. */
  #handOver(fields: Fields, ahead: Buffer): void {
    const call = this.#call as Call
    const socket = this.#socket
    this.#letGo(call)
    this.#forget(null)
    socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose)
    call.handler.onUpgrade(fields, socket, ahead)
  }

  #letGo(call: Call): void {
    this.#call = null
    call.connection = null
  }

  #onEnd = (): void => {
    this.#ended = true
    if (this.#ahead === null) this.#finish()
  }

  #finish(): void {
    if (this.#gone) return
    try {
      this.#parser.finish()
    } catch (error) {
      return this.fail(error as Error)
    }
    this.fail(closedByUpstream)
  }

  #onError = (error: Error): void => this.fail(error)
  #onClose = (): void => this.fail(closedByUpstream)

  /** Ends the connection, and with it the call that it has. */
  fail(error: Error): void {
    if (this.#gone) return
    const call = this.#call
    if (call !== null) this.#letGo(call)
    this.#stopUpload()
    this.#destroy(this.#used || error === closed ? null : error)
    call?.handler.onError(error)
  }

  #stopUpload(): void {
    this.#upload?.stop()
    this.#upload = null
  }

  #destroy(unused: Error | null): void {
    this.#socket.destroy()
    this.#forget(unused)
  }

  #forget(unused: Error | null): void {
    this.#gone = true
    this.#pool.deadlines.unwatch(this)
    this.#pool.onGone(this, unused)
  }
}
