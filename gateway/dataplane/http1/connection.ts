// One connection to an upstream: one request at a time, head and body in one write where they fit. Worker thread; made
// by client.ts, which decides who uses it.
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Deadlines, Limited } from './deadlines.ts'
import { type Http1Request, hasLength, toRequestHead } from './request-head.ts'
import { ResponseError } from './response-head.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'

export interface Http1Timeouts {
  readonly connectMs: number
  readonly headersMs: number
  readonly bodyIdleMs: number
  /** A connection that nobody used for so long is closed. */
  readonly keepAliveMs: number
}

export class Http1TimeoutError extends Error {
  readonly code: 'UPSTREAM_CONNECT_TIMEOUT' | 'UPSTREAM_HEADERS_TIMEOUT' | 'UPSTREAM_BODY_TIMEOUT'
  constructor(code: Http1TimeoutError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A request and whoever waits for its answer. The controller that the handler gets. Made from an invalid request, it throws. */
export class Call implements Dispatcher.DispatchController {
  readonly request: Http1Request
  readonly handler: Dispatcher.DispatchHandler
  /** All of the request before its body, ready to be written. */
  readonly head: string
  rawHeaders: string[] = []
  aborted = false
  reason: Error | null = null
  paused = false
  connection: Connection | null = null

  constructor(request: Http1Request, handler: Dispatcher.DispatchHandler) {
    this.request = request
    this.handler = handler
    this.head = toRequestHead(request)
  }

  pause(): void {
    this.paused = true
    this.connection?.pause()
  }

  resume(): void {
    this.paused = false
    this.connection?.resume()
  }

  abort(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.connection?.fail(reason)
  }

  /** The end of it; nothing else is called back afterwards. */
  fail(error: Error): void {
    this.connection = null
    this.handler.onResponseError?.(this, this.reason ?? error)
  }
}

const closed = new ResponseError('the connection was closed')

export interface ConnectionOwner {
  readonly timeouts: Http1Timeouts
  readonly deadlines: Deadlines
  onConnected(): void
  /** It can take a request now. */
  onFree(connection: Connection): void
  /** It is no more; `connectError` says why it never came up, null when it did. */
  onGone(connection: Connection, connectError: Error | null): void
}

export class Connection implements ResponseSink, Limited {
  deadlineMs: number
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #parser = new ResponseParser(this)
  #call: Call | null = null
  #connected = false
  #gone = false
  /** The final head came. */
  #answered = false
  /** All of the request is written. */
  #sent = true
  #leftover: Buffer | null = null

  constructor(owner: ConnectionOwner, host: string, port: number) {
    this.#owner = owner
    this.deadlineMs = owner.deadlines.nowMs + owner.timeouts.connectMs
    const socket = connect({ host, port, noDelay: true, keepAlive: true })
    socket.on('connect', () => {
      this.#connected = true
      owner.onConnected()
      this.#idle()
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(closed))
    this.#socket = socket
    owner.deadlines.watch(this)
  }

  /** Only on a free connection. */
  start(call: Call): void {
    const { request, handler } = call
    this.#call = call
    call.connection = this
    try {
      handler.onRequestStart?.(call, null)
    } catch {
      // Nobody waits for it any longer; nothing was sent, so the connection is as good as before.
      this.#call = null
      call.connection = null
      return this.#idle()
    }
    this.#answered = false
    this.deadlineMs = this.#owner.deadlines.nowMs + this.#owner.timeouts.headersMs
    this.#parser.expect(request.method)
    this.#write(call)
  }

  /** Only on a free connection. */
  close(): void {
    this.fail(closed)
  }

  pause(): void {
    this.#parser.paused = true
  }

  resume(): void {
    this.#parser.paused = false
    const leftover = this.#leftover
    if (leftover === null) return
    this.#leftover = null
    this.deadlineMs = this.#owner.deadlines.nowMs + this.#owner.timeouts.bodyIdleMs
    if (leftover.length > 0) this.#read(leftover)
    if (!this.#parser.paused) this.#socket.resume()
  }

  onDeadline(): void {
    const { connectMs, headersMs, bodyIdleMs } = this.#owner.timeouts
    if (!this.#connected) {
      this.fail(new Http1TimeoutError('UPSTREAM_CONNECT_TIMEOUT', `no connection within ${connectMs} ms`))
    } else if (this.#call === null) this.fail(closed)
    else if (this.#answered) {
      this.fail(new Http1TimeoutError('UPSTREAM_BODY_TIMEOUT', `no byte of the body within ${bodyIdleMs} ms`))
    } else if (!this.#sent) {
      // The wait for an answer begins when the request is out; a slow upload is the client's affair.
      this.deadlineMs = this.#owner.deadlines.nowMs + headersMs
    } else this.fail(new Http1TimeoutError('UPSTREAM_HEADERS_TIMEOUT', `no answer within ${headersMs} ms`))
  }

  onHead(status: number, headers: string[]): void {
    const call = this.#call as Call
    call.rawHeaders = headers
    if (status >= 200) {
      this.#answered = true
      this.deadlineMs = this.#owner.deadlines.nowMs + this.#owner.timeouts.bodyIdleMs
    }
    call.handler.onResponseStart?.(call, status, call.rawHeaders as never)
  }

  onBody(bytes: Buffer): void {
    this.deadlineMs = this.#owner.deadlines.nowMs + this.#owner.timeouts.bodyIdleMs
    const call = this.#call
    call?.handler.onResponseData?.(call, bytes)
  }

  onComplete(): void {
    const call = this.#call as Call
    this.#call = null
    call.connection = null
    // The upstream answered before it had read all of the request: what it still expects cannot be known.
    if (!this.#sent) this.#parser.reusable = false
    this.#parser.paused = false
    const reusable = this.#parser.reusable
    if (!reusable) this.#destroy(null)
    call.handler.onResponseEnd?.(call, {})
    if (reusable) this.#idle()
  }

  /** Ends the connection, and with it the call that it has. */
  fail(error: Error): void {
    if (this.#gone) return
    const call = this.#call
    this.#call = null
    this.#destroy(this.#connected ? null : error)
    call?.fail(error)
  }

  #idle(): void {
    this.deadlineMs =
      this.#owner.deadlines.nowMs + Math.min(this.#owner.timeouts.keepAliveMs, this.#parser.keepAliveMs)
    this.#owner.onFree(this)
  }

  #destroy(connectError: Error | null): void {
    this.#gone = true
    this.#owner.deadlines.unwatch(this)
    this.#socket.destroy()
    this.#owner.onGone(this, connectError)
  }

  #read(chunk: Buffer): void {
    if (this.#gone) return
    let left: Buffer
    try {
      left = this.#parser.execute(chunk)
    } catch (error) {
      return this.fail(error as Error)
    }
    if (this.#gone || !this.#parser.paused) return
    // The body waits for its reader, not for the upstream.
    this.#leftover = left
    this.deadlineMs = 0
    this.#socket.pause()
  }

  #onEnd(): void {
    if (this.#gone) return
    try {
      this.#parser.finish()
    } catch (error) {
      return this.fail(error as Error)
    }
    this.fail(closed)
  }

  #write({ head, request: { headers, body } }: Call): void {
    const socket = this.#socket
    this.#sent = body === null || Buffer.isBuffer(body)
    if (body === null) socket.write(head, 'latin1')
    else if (Buffer.isBuffer(body)) {
      socket.cork()
      socket.write(head, 'latin1')
      socket.write(body)
      socket.uncork()
    } else {
      socket.write(head, 'latin1')
      this.#stream(body, hasLength(headers))
    }
  }

  /** With a length the bytes go as they are, else as chunks (RFC 9112 section 7.1). */
  #stream(body: Readable, plain: boolean): void {
    const socket = this.#socket
    const call = this.#call
    const onDrain = (): void => void body.resume()
    body.on('data', (chunk: Buffer) => {
      if (this.#call !== call) return
      let free: boolean
      if (plain) free = socket.write(chunk)
      else {
        socket.cork()
        socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
        socket.write(chunk)
        free = socket.write('\r\n', 'latin1')
        socket.uncork()
      }
      if (free) return
      body.pause()
      socket.once('drain', onDrain)
    })
    body.on('end', () => {
      if (this.#call !== call) return
      if (!plain) socket.write('0\r\n\r\n', 'latin1')
      this.#sent = true
      if (!this.#answered) this.deadlineMs = this.#owner.deadlines.nowMs + this.#owner.timeouts.headersMs
    })
    body.on('error', (error) => {
      if (this.#call === call) this.fail(error)
    })
    body.on('close', () => socket.off('drain', onDrain))
  }
}
