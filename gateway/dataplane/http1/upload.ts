// A request body on its way to the upstream, framed (RFC 9112 section 7.1). Worker thread; made by client-connection.ts.
import type { Socket } from 'node:net'
import type { Trailers } from '../trailers.ts'
import type { BodySink, BodySource } from '../upstream/transport.ts'

export interface UploadOwner {
  /** The upstream takes no more at present; it has so long to go on. */
  onStalled(): void
  onFlowing(): void
  onSent(): void
  onUploadError(error: Error): void
}

export class Upload implements BodySink {
  readonly #socket: Socket
  readonly #source: BodySource
  readonly #owner: UploadOwner
  /** Bytes that are due; -1: as many as there are, in chunks. */
  #due: number
  #over = false

  constructor(socket: Socket, source: BodySource, length: number, owner: UploadOwner) {
    this.#socket = socket
    this.#source = source
    this.#due = length
    this.#owner = owner
  }

  start(): void {
    this.#source.start(this)
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#over = true
    this.#socket.off('drain', this.#onDrain)
  }

  write(bytes: Buffer): boolean {
    if (this.#over || bytes.length === 0) return true
    const free = this.#due < 0 ? this.#writeChunk(bytes) : this.#writePlain(bytes)
    if (!free) {
      this.#owner.onStalled()
      this.#socket.once('drain', this.#onDrain)
    }
    return free
  }

  /** An HTTP/1.1 upstream gets no trailers: it did not ask for any, and few are made for them. */
  end(_trailers: Trailers): void {
    if (this.#over) return
    if (this.#due > 0) return this.fail(new LengthMismatch())
    this.#over = true
    if (this.#due < 0) this.#socket.write('0\r\n\r\n', 'latin1')
    this.#owner.onSent()
  }

  fail(error: Error): void {
    if (this.#over) return
    this.stop()
    this.#owner.onUploadError(error)
  }

  #writePlain(bytes: Buffer): boolean {
    this.#due -= bytes.length
    if (this.#due >= 0) return this.#socket.write(bytes)
    this.fail(new LengthMismatch())
    return true
  }

  #writeChunk(bytes: Buffer): boolean {
    const socket = this.#socket
    socket.cork()
    socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1')
    socket.write(bytes)
    const free = socket.write('\r\n', 'latin1')
    socket.uncork()
    return free
  }

  #onDrain = (): void => {
    this.#owner.onFlowing()
    this.#source.resume()
  }
}

/** The body does not have the length that was announced; what follows could be read as another request. */
export class LengthMismatch extends Error {
  readonly code = 'UPSTREAM_LENGTH_MISMATCH'
  constructor() {
    super('the request body does not have the length that was announced')
  }
}
