// One request of an HTTP/1.1 connection and its answer. Worker thread; made by server-connection.ts, which reads for it.
import type { Socket } from 'node:net'
import type { BodyReader, Downstream, RequestHead, Served } from '../downstream.ts'
import type { Secured } from '../tls/secured.ts'
import { acceptsTrailers, type Trailers } from '../trailers.ts'
import { toAnswerHead, toInterimHead } from './answer-head.ts'
import type { ServerConnection } from './server-connection.ts'

/** A body that nobody reads is taken off the wire up to this size; behind a longer one nothing is served. */
const discardLimitBytes = 1 << 20

/** Up to here bytes go out as one latin1 string with what stands before them: one system call, no vector. */
const oneWriteBytes = 16_384

export class ServerStream implements Downstream {
  readonly head: RequestHead
  complete: boolean
  answered = false
  /** The answer is the last on its connection. */
  last: boolean
  /** Who serves it; set by the owner of the connection as it gets it. */
  served: Served | null = null
  readonly #connection: ServerConnection
  #reader: BodyReader | null = null
  /** Written but for the body: null before `respond` and once it is out. */
  #pendingHead: string | null = null
  #headSent = false
  #chunked = false
  /** No body follows the head: HEAD, 204, 304. */
  #bodiless = false
  /** Bytes of the announced body that are still due; Infinity when none were announced. */
  #due = Number.POSITIVE_INFINITY
  #ended = false
  /** The client sends the body only once it is asked for it. */
  #awaited: boolean

  constructor(connection: ServerConnection, head: RequestHead) {
    this.#connection = connection
    this.head = head
    this.last = !head.keepAlive
    this.complete = head.body === 'none' || head.fault !== null
    this.#awaited = head.expect !== ''
  }

  /** The last byte of the answer was written, if not yet sent. */
  get ended(): boolean {
    return this.#ended
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  get secured(): Secured | null {
    return this.#connection.secured
  }

  read(reader: BodyReader): void {
    this.#reader = reader
    if (this.complete) reader.onEnd(null)
    else this.#connection.resumeBody(this)
  }

  pause(): void {
    // Behind an answer the rest of a body is discarded, whoever read it before.
    if (!this.answered) this.#connection.pauseBody(this)
  }

  resume(): void {
    this.#connection.resumeBody(this)
  }

  takeBody(limitBytes: number): Buffer | null {
    const { body, length } = this.head
    if (body !== 'fixed' || length > limitBytes || this.#reader !== null) return null
    return this.#connection.takeBody(this, length)
  }

  /** What is left of the body is read and thrown away. */
  discard(): void {
    this.read({ onData: ignore, onEnd: ignore, onBroken: ignore })
  }

  // Called by the connection.
  onBody(bytes: Buffer): void {
    this.#reader?.onData(bytes)
  }

  onComplete(trailers: Trailers): void {
    this.complete = true
    this.#reader?.onEnd(trailers)
  }

  onBroken(): void {
    this.#reader?.onBroken()
  }

  invite(): void {
    this.#awaited = false
    if (!this.#headSent) this.#connection.write('HTTP/1.1 100 Continue\r\n\r\n')
  }

  inform(status: number, headers: readonly string[]): void {
    if (!this.#headSent && this.head.version === '1.1') this.#connection.write(toInterimHead(status, headers))
  }

  respond(status: number, headers: readonly string[], last: boolean): void {
    const old = this.head.version === '1.0'
    this.#bodiless = this.head.method === 'HEAD' || status === 204 || status === 304
    const { body, length: announced } = this.head
    // The client may wait with the rest of a body until it knows, or send it whatever it is told (RFC 9112 section 9.3).
    const unread = !this.complete && (this.#awaited || body === 'chunked' || announced > discardLimitBytes)
    if (last || unread) this.last = true
    const { text, length } = toAnswerHead(status, headers)
    if (length < 0 && !this.#bodiless) {
      this.#chunked = !old
      // The end of the connection is the end of the body.
      if (old) this.last = true
    } else if (length >= 0 && !this.#bodiless) this.#due = length
    this.#pendingHead = `${text}${this.#framing(old)}\r\n`
  }

  #framing(old: boolean): string {
    const connection = this.last ? 'connection: close\r\n' : old ? 'connection: keep-alive\r\n' : ''
    return this.#chunked ? `transfer-encoding: chunked\r\n${connection}` : connection
  }

  flush(): void {
    const head = this.#takeHead()
    if (head !== '') this.#connection.write(head)
  }

  write(bytes: Buffer): boolean {
    if (this.#bodiless || bytes.length === 0) return true
    this.#due -= bytes.length
    if (this.#due < 0) {
      this.breakOff()
      return true
    }
    const before = this.#chunked ? `${this.#takeHead()}${bytes.length.toString(16)}\r\n` : this.#takeHead()
    const after = this.#chunked ? '\r\n' : ''
    if (bytes.length <= oneWriteBytes)
      return this.#connection.write(before + bytes.toString('latin1') + after)
    return this.#connection.writeParts(before, bytes, after)
  }

  onDrain(callback: () => void): void {
    this.#connection.onDrain(callback)
  }

  end(bytes: Uint8Array | string | null, trailers: Trailers): void {
    if (this.#ended) return
    if (bytes !== null) this.write(toBuffer(bytes))
    // RFC 9112 section 8: what is shorter than it said must not end well.
    if (this.#due > 0 && this.#due !== Number.POSITIVE_INFINITY) return this.breakOff()
    this.#ended = true
    const rest = this.#takeHead() + (this.#chunked ? this.#lastChunk(trailers) : '')
    if (rest !== '') this.#connection.write(rest)
    this.#connection.onWritten(this)
  }

  /** RFC 9110 section 6.5.1: trailers only for who asked for them. */
  #lastChunk(trailers: Trailers): string {
    if (trailers === null || !acceptsTrailers(this.head.fields)) return '0\r\n\r\n'
    let text = '0\r\n'
    for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`
    return `${text}\r\n`
  }

  breakOff(): void {
    // For HTTP/1.0 the end of the connection is the end of the body: only a reset says that it is not.
    if (this.#headSent && this.head.version === '1.0') this.#connection.reset()
    else this.#connection.destroy()
  }

  detach(headers: readonly string[]): { socket: Socket; ahead: Buffer } {
    this.#headSent = true
    return this.#connection.detach(this, toInterimHead(101, headers))
  }

  #takeHead(): string {
    const head = this.#pendingHead
    if (head === null) return ''
    this.#pendingHead = null
    this.#headSent = true
    return head
  }
}

function toBuffer(bytes: Uint8Array | string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes)
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function ignore(): void {}
