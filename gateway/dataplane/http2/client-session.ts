// One connection to an HTTP/2 upstream. It counts as up once the server has sent its SETTINGS: a server that speaks
// something else is found out before a request is lost on it. Worker thread; made by client.ts.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
} from 'node:http2'
import type { Socket } from 'node:net'
import { type ClientTimeouts, UpstreamTimeout } from '../http1/client-connection.ts'
import type { Deadlines, Limited } from '../http1/deadlines.ts'
import type { TargetAddress } from '../upstream/target-address.ts'
import type { ClientCall } from './client-call.ts'
import { dial, Http2Fault } from './dial.ts'

export interface SessionOwner {
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly target: TargetAddress
  /** It can take requests. */
  onReady(session: ClientSession): void
  /** It may be able to take another request. */
  onRoom(session: ClientSession): void
  /** It is no more; `connectError` says why it never came up, null when it did. */
  onGone(session: ClientSession, connectError: Error | null): void
  /** The server has not seen this request: it may go out anew. */
  onUnprocessed(call: ClientCall): void
  /** Nobody waits for it any longer. */
  onLeft(call: ClientCall): void
}

/** However many streams a server allows: one slow connection should not carry everybody. */
const mostStreams = 256
/** Stream ids are spent after 2^30 requests (RFC 9113 section 5.1.1). */
const mostRequests = 2 ** 29
/** SETTINGS, PING and GOAWAY frames between two ticks of a second; a server that sends more is given up. */
const mostControlFrames = 1_000

const options = {
  settings: { enablePush: false, initialWindowSize: 262_144, maxHeaderListSize: 65_536 },
  maxHeaderListPairs: 256,
  maxSendHeaderBlockLength: 131_072,
  // What is queued for a server that takes nothing; in megabytes.
  maxSessionMemory: 64,
  // Repeated fields go up as they came.
  strictSingleValueFields: false,
  // A field with white space at an end would be dropped: answer-fields.ts takes that off.
  strictFieldWhitespaceValidation: false,
}

const closed = new Error('the connection was closed')

export class ClientSession implements Limited {
  deadlineMs: number
  readonly scheme: 'http' | 'https'
  /** Why it ended; null while it lives, or when there was no fault. */
  reason: Error | null = null
  readonly #owner: SessionOwner
  readonly #socket: Socket
  /** Of streams that are open, or whose end nobody has read. */
  readonly #calls = new Set<ClientCall>()
  #session: ClientHttp2Session | null = null
  /** By the peer; 0 before its SETTINGS came. */
  #allowed = 0
  #requests = 0
  /** The highest stream that the server acts upon; Infinity before a GOAWAY. */
  #lastProcessed = Number.POSITIVE_INFINITY
  #ready = false
  #gone = false
  /** It is asked for a sign of life. */
  #checking = false
  #heardMs = 0
  #controlFrames = 0
  #controlSince = 0

  constructor(owner: SessionOwner) {
    const { deadlines, timeouts, target } = owner
    this.#owner = owner
    this.scheme = target.tls === null ? 'http' : 'https'
    this.deadlineMs = deadlines.after(timeouts.connectMs)
    deadlines.watch(this)
    this.#socket = dial(target, (fault) => (fault === null ? this.#begin() : this.fail(fault)))
  }

  get hasRoom(): boolean {
    const session = this.#session
    if (session === null || session.closed || session.destroyed || this.#gone) return false
    return this.#ready && !this.#checking && this.#calls.size < this.#allowed
  }

  /** It takes no more requests, however soon those that it has are over. */
  get isEnding(): boolean {
    return this.#session?.closed === true
  }

  /** Streams that the server allows, as far as they are used. */
  get allowed(): number {
    return this.#allowed
  }

  /** Only where there is room. */
  request(call: ClientCall, fields: readonly string[], how: ClientSessionRequestOptions): ClientHttp2Stream {
    const session = this.#session as ClientHttp2Session
    const stream = session.request(fields, how)
    this.#calls.add(call)
    this.#requests += 1
    this.deadlineMs = 0
    if (this.#requests >= mostRequests) session.close()
    return stream
  }

  onStreamClosed(call: ClientCall): void {
    this.#calls.delete(call)
    if (this.#gone) return
    if (this.#calls.size === 0 && !this.#checking) this.#awaitRequest()
    this.#owner.onRoom(this)
  }

  /** RFC 9113 section 6.8: the server says that it has not acted upon it, or it never left. */
  isUnprocessed(stream: ClientHttp2Stream): boolean {
    return stream.id === undefined || stream.id > this.#lastProcessed
  }

  /** Something came. */
  heard(): void {
    this.#heardMs = this.#owner.deadlines.after(0)
  }

  /** Nobody answered a request that went out at `sinceMs`, a value of Deadlines.after(0). */
  suspect(sinceMs: number): void {
    const { deadlines, timeouts } = this.#owner
    if (this.#heardMs < sinceMs && deadlines.after(0) - sinceMs >= timeouts.connectMs) this.check()
  }

  /**
   * Takes no requests until the peer has shown that it is there; ends when it does not. By SETTINGS, which has to be
   * acknowledged as PING has to: gRPC servers count PINGs, and hang up on who sends many.
   */
  check(): void {
    const session = this.#session
    if (session === null || this.#checking || this.#gone || session.destroyed) return
    this.#checking = true
    this.deadlineMs = this.#owner.deadlines.after(this.#owner.timeouts.connectMs)
    session.settings({ enablePush: false }, (error) => {
      if (error !== null || this.#gone) return
      this.#checking = false
      this.deadlineMs = 0
      if (this.#calls.size === 0) this.#awaitRequest()
      this.#owner.onRoom(this)
    })
  }

  /** Takes no more requests; ends with the last one under way. */
  close(): void {
    if (this.#session === null) return this.fail(closed)
    this.#session.close()
    if (this.#ready && this.#calls.size === 0 && !this.#checking) this.#awaitRequest()
  }

  /** Ends it, and all that is under way. */
  fail(error: Error): void {
    if (this.#gone) return
    this.#gone = true
    this.reason ??= error
    this.#owner.deadlines.unwatch(this)
    this.#session?.destroy()
    this.#socket.destroy()
    // Node tells the streams only once the socket has closed, which it may not do by itself.
    for (const call of this.#calls) call.onStreamClosed()
    this.#calls.clear()
    this.#owner.onGone(this, this.#ready ? null : error)
  }

  onDeadline(): void {
    const { connectMs } = this.#owner.timeouts
    if (!this.#ready)
      this.fail(new UpstreamTimeout('UPSTREAM_CONNECT_TIMEOUT', `no connection within ${connectMs} ms`))
    else if (this.#checking)
      this.fail(new Error(`the connection is dead: no sign of life in ${connectMs} ms`))
    else if (this.isEnding) this.fail(closed)
    else this.close()
  }

  #begin(): void {
    if (this.#gone) return
    // Each request says its own authority.
    const session = connect(`${this.scheme}://target.invalid`, {
      ...options,
      createConnection: () => this.#socket,
    })
    this.#session = session
    session.on('remoteSettings', ({ maxConcurrentStreams = mostStreams }) => {
      this.#countControl()
      this.#allowed = Math.min(maxConcurrentStreams, mostStreams)
      this.#onSettings()
    })
    session.on('ping', () => this.#countControl())
    session.on('goaway', (_code, lastStreamId) => {
      this.#countControl()
      this.#lastProcessed = Math.min(this.#lastProcessed, lastStreamId)
    })
    // It was told not to.
    session.on('stream', (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
    const end = (): void => this.fail(this.reason ?? (this.#ready ? closed : notHttp2(closed)))
    session.on('error', this.#onError)
    session.on('close', end)
    // Node tells of these late, or not at all.
    this.#socket.on('error', this.#onError)
    this.#socket.on('close', end)
  }

  /** Before it is up, what is no HTTP/2 is told from what ails the connection. */
  #onError = (error: NodeJS.ErrnoException): void => {
    this.fail(this.#ready || error.code !== 'ERR_HTTP2_ERROR' ? error : notHttp2(error))
  }

  #onSettings(): void {
    if (this.#gone) return
    if (this.#ready) return this.#owner.onRoom(this)
    this.#ready = true
    this.#awaitRequest()
    this.#owner.onReady(this)
  }

  /** Or for the peer to close its side as well, which it may never do. */
  #awaitRequest(): void {
    const { connectMs, keepAliveMs } = this.#owner.timeouts
    this.deadlineMs = this.#owner.deadlines.after(this.isEnding ? connectMs : keepAliveMs)
  }

  #countControl(): void {
    const now = performance.now()
    if (now - this.#controlSince > 1_000) {
      this.#controlSince = now
      this.#controlFrames = 0
    }
    this.#controlFrames += 1
    if (this.#controlFrames > mostControlFrames) this.fail(new Error('the server floods the connection'))
  }
}

function notHttp2(error: Error): Http2Fault {
  return new Http2Fault('UPSTREAM_NOT_HTTP2', `the server does not speak HTTP/2: ${error.message}`)
}
