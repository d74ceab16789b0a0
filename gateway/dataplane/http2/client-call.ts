// One request to an HTTP/2 upstream and its answer: a stream of a session, or of the next one where the first did not get
// to it. Worker thread; made by client.ts.
import { type ClientHttp2Stream, constants } from 'node:http2'
import { UpstreamTimeout } from '../http1/client-connection.ts'
import type { Limited } from '../http1/deadlines.ts'
import type { UploadOwner } from '../http1/upload.ts'
import type { Trailers } from '../trailers.ts'
import type { Queued, UpstreamHandler, UpstreamRequest, UpstreamStream } from '../upstream/transport.ts'
import { toAnswerFields, toAnswerTrailers } from './answer-fields.ts'
import type { ClientSession, SessionOwner } from './client-session.ts'
import { Http2Fault } from './dial.ts'
import { toRequestFields } from './request-fields.ts'
import { StreamUpload } from './stream-upload.ts'

const noBytes = Buffer.alloc(0)

/** How often a request goes out anew because a connection was closed before the server had seen it. */
const mostStarts = 3

export class ClientCall implements UpstreamStream, Queued, UploadOwner, Limited {
  deadlineMs = 0
  /** How many streams a connection that is on its way will take is not known before it is up. */
  readonly full = true
  readonly request: UpstreamRequest
  readonly #handler: UpstreamHandler
  readonly #owner: SessionOwner
  #session: ClientSession | null = null
  #stream: ClientHttp2Stream | null = null
  #upload: StreamUpload | null = null
  #starts = 0
  #startedMs = 0
  #aborted: Error | null = null
  /** Nobody hears of it any more. */
  #over = false
  /** The final head came. */
  #answered = false
  /** All of the request is on its way. */
  #sent = true
  #paused = false
  /** END_STREAM came. */
  #whole = false
  /** What was not read by then: a connection that closes behind a whole answer must not take it along. */
  #rest: Buffer | null = null
  #trailers: Trailers = null
  #error: Error | null = null

  constructor(owner: SessionOwner, request: UpstreamRequest, handler: UpstreamHandler) {
    this.#owner = owner
    this.request = request
    this.#handler = handler
  }

  /** False: nobody waits for this call any longer, and the session is as good as before. */
  start(session: ClientSession): boolean {
    if (this.#over) return false
    this.#handler.onStart(this)
    if (this.#aborted !== null) {
      this.fail(this.#aborted)
      return false
    }
    try {
      this.#open(session)
    } catch (error) {
      this.fail(new Http2Fault('UPSTREAM_UNSENDABLE', (error as Error).message))
      return false
    }
    return true
  }

  pause(): void {
    this.#paused = true
    this.#stream?.pause()
    this.#keepRest()
    if (this.#answered) this.deadlineMs = 0
  }

  resume(): void {
    if (!this.#paused || this.#over) return
    this.#paused = false
    this.#progress()
    if (this.#rest === null) this.#stream?.resume()
    else this.#giveRest(this.#rest)
  }

  abort(reason: Error): void {
    if (this.#stream === null) {
      this.#aborted ??= reason
      // It waits to go out anew.
      if (this.#starts > 0) this.fail(reason)
      return
    }
    if (!this.#answered) this.#session?.suspect(this.#startedMs)
    this.fail(reason)
  }

  leave(): void {
    this.#over = true
    this.#owner.onLeft(this)
  }

  /** Ends it. */
  fail(error: Error): void {
    if (this.#over) return
    this.#settle()
    if (this.#stream === null) this.#owner.onLeft(this)
    else this.#stream.close(constants.NGHTTP2_CANCEL)
    this.#handler.onError(error)
  }

  onDeadline(): void {
    const { headersMs, bodyIdleMs } = this.#owner.timeouts
    this.#session?.check()
    if (this.#answered || !this.#sent)
      this.fail(new UpstreamTimeout('UPSTREAM_BODY_TIMEOUT', `no byte went on within ${bodyIdleMs} ms`))
    else this.fail(new UpstreamTimeout('UPSTREAM_HEADERS_TIMEOUT', `no answer within ${headersMs} ms`))
  }

  /** No connection came up for it. One that it went out on before was closed before its server had seen it. */
  onNoConnection(error: Error): void {
    this.fail(this.#starts === 0 ? error : new Http2Fault('UPSTREAM_UNPROCESSED', error.message))
  }

  // What the upload says.

  onStalled(): void {
    if (!this.#answered) this.deadlineMs = this.#owner.deadlines.after(this.#owner.timeouts.bodyIdleMs)
  }

  /** A slow upload is the client's affair; behind the head of an answer each byte is a sign of life, either way. */
  onFlowing(): void {
    if (this.#answered) this.#progress()
    else this.deadlineMs = 0
  }

  onSent(): void {
    this.#sent = true
    this.#upload = null
    if (!this.#answered) this.deadlineMs = this.#owner.deadlines.after(this.#owner.timeouts.headersMs)
  }

  onUploadError(error: Error): void {
    this.fail(error)
  }

  #open(session: ClientSession): void {
    const { deadlines, timeouts } = this.#owner
    const { body, length } = this.request
    const fields = toRequestFields(this.request, session.scheme)
    const streamed = body !== null && !Buffer.isBuffer(body)
    const stream = session.request(this, fields, { endStream: body === null, waitForTrailers: streamed })
    this.#session = session
    this.#stream = stream
    this.#starts += 1
    this.#startedMs = deadlines.after(0)
    this.deadlineMs = deadlines.after(timeouts.headersMs)
    deadlines.watch(this)
    this.#listen(stream, session)
    if (Buffer.isBuffer(body)) stream.end(body)
    else if (body !== null) {
      this.#sent = false
      this.deadlineMs = 0
      this.#upload = new StreamUpload(stream, body, length, this)
      this.#upload.start()
    }
  }

  #listen(stream: ClientHttp2Stream, session: ClientSession): void {
    // Node ends a stream that was reset without an error as if it were whole. Only an END_STREAM ends it before it is closed.
    const push = stream.push
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null && !stream.closed) this.#whole = true
      const free = push.call(stream, chunk, encoding)
      this.#keepRest()
      return free
    }
    stream.on('headers', (headers, _, raw) => this.#onInterim(Number(headers[':status']), raw))
    stream.on('response', (headers, flags, raw) => this.#onResponse(Number(headers[':status']), flags, raw))
    stream.on('trailers', (_headers, _flags, raw) => this.#onTrailers(raw))
    stream.on('end', () => {
      if (this.#whole && this.#rest === null) this.#complete()
    })
    stream.on('frameError', (_type, code) => {
      this.#error = new Http2Fault('UPSTREAM_UNSENDABLE', `a frame could not be sent (${code})`)
    })
    stream.on('error', (error) => {
      this.#error ??= error
    })
    stream.on('close', () => {
      session.onStreamClosed(this)
      if (stream === this.#stream) this.onStreamClosed()
    })
  }

  #onInterim(status: number, raw: readonly string[]): void {
    if (this.#over) return
    if (this.#sent) this.#progress()
    const fields = this.#read(toAnswerFields, raw)
    if (fields !== undefined) this.#handler.onHead(this, status, fields)
  }

  #onResponse(status: number, flags: number, raw: readonly string[]): void {
    const stream = this.#stream
    if (this.#over || stream === null) return
    this.#answered = true
    this.#progress()
    const fields = this.#read(toAnswerFields, raw)
    if (fields === undefined) return
    this.#handler.onHead(this, status, fields)
    // That is all of it: said at once, so that it can go on as one frame too (gRPC's trailers-only answers have to).
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) return this.#complete()
    if (!this.#over && this.#rest === null) stream.on('data', this.#onData)
  }

  #onData = (bytes: Buffer): void => {
    if (this.#over) return
    this.#progress()
    this.#handler.onData(this, bytes)
  }

  #onTrailers(raw: readonly string[]): void {
    this.#trailers = this.#read(toAnswerTrailers, raw) ?? null
  }

  /** undefined: it is not valid, and the call is over. */
  #read<Section>(read: (raw: readonly string[]) => Section, raw: readonly string[]): Section | undefined {
    try {
      return read(raw)
    } catch (error) {
      this.fail(error as Error)
      return undefined
    }
  }

  #keepRest(): void {
    const stream = this.#stream
    if (!this.#whole || !this.#paused || this.#over || this.#rest !== null || stream === null) return
    this.#rest = noBytes
    stream.off('data', this.#onData)
    const pieces: Buffer[] = []
    for (let piece = stream.read(); piece !== null; piece = stream.read()) pieces.push(piece)
    this.#rest = Buffer.concat(pieces)
  }

  #giveRest(rest: Buffer): void {
    this.#rest = noBytes
    if (rest.length > 0) this.#handler.onData(this, rest)
    if (!this.#paused && !this.#over) this.#complete()
  }

  #progress(): void {
    this.#session?.heard()
    this.deadlineMs = this.#paused ? 0 : this.#owner.deadlines.after(this.#owner.timeouts.bodyIdleMs)
  }

  #complete(): void {
    if (this.#over) return
    const stream = this.#stream as ClientHttp2Stream
    this.#settle()
    // The upstream answered before it had all of the request, and wants no more of it (RFC 9113 section 8.1).
    if (!this.#sent) stream.close(constants.NGHTTP2_NO_ERROR)
    this.#handler.onEnd(this.#trailers)
  }

  /** The stream is no more. */
  onStreamClosed(): void {
    const session = this.#session
    const stream = this.#stream
    if (this.#over || session === null || stream === null || this.#rest !== null) return
    if (this.#whole && this.#answered && stream.readableLength === 0) return this.#complete()
    const unprocessed = !this.#answered && session.isUnprocessed(stream)
    if (unprocessed && this.#starts < mostStarts && this.#rewind()) return this.#owner.onUnprocessed(this)
    const reason = this.#error?.message ?? session.reason?.message ?? 'the connection was closed'
    const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && !this.#answered
    this.fail(
      this.#error instanceof Http2Fault
        ? this.#error
        : new Http2Fault(unprocessed || refused ? 'UPSTREAM_UNPROCESSED' : 'UPSTREAM_RESET', reason),
    )
  }

  /** True: it can go out anew, from its first byte. It is given only as much time as it still had. */
  #rewind(): boolean {
    const { body } = this.request
    if (body !== null && !Buffer.isBuffer(body) && !body.rewind()) return false
    this.#upload?.stop()
    this.#upload = null
    this.#stream = null
    this.#session = null
    this.#error = null
    this.#sent = true
    if (this.deadlineMs === 0) this.deadlineMs = this.#owner.deadlines.after(this.#owner.timeouts.headersMs)
    return true
  }

  #settle(): void {
    this.#over = true
    this.#upload?.stop()
    this.#upload = null
    this.#owner.deadlines.unwatch(this)
  }
}
