// A request body on its way up a stream: the peer's windows say how fast (RFC 9113 section 5.2). Worker thread; made by
// client-call.ts. http1/upload.ts is the one for HTTP/1.1.
import type { ClientHttp2Stream } from 'node:http2'
import type { UploadOwner } from '../http1/upload.ts'
import { LengthMismatch } from '../http1/upload.ts'
import type { Trailers } from '../trailers.ts'
import type { BodySink, BodySource } from '../upstream/transport.ts'

export class StreamUpload implements BodySink {
  readonly #stream: ClientHttp2Stream
  readonly #source: BodySource
  readonly #owner: UploadOwner
  /** Bytes that are due; -1: as many as there are. */
  #due: number
  #over = false

  /** Of a stream that was opened with `waitForTrailers`. */
  constructor(stream: ClientHttp2Stream, source: BodySource, length: number, owner: UploadOwner) {
    this.#stream = stream
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
    this.#stream.off('drain', this.#onDrain)
  }

  write(bytes: Buffer): boolean {
    if (this.#over || bytes.length === 0) return true
    if (this.#due >= 0) {
      this.#due -= bytes.length
      if (this.#due < 0) {
        this.fail(new LengthMismatch())
        return true
      }
    }
    const free = this.#stream.write(bytes)
    if (free) this.#owner.onFlowing()
    else {
      this.#owner.onStalled()
      this.#stream.once('drain', this.#onDrain)
    }
    return free
  }

  end(trailers: Trailers): void {
    if (this.#over) return
    if (this.#due > 0) return this.fail(new LengthMismatch())
    this.#over = true
    this.#stream.once('wantTrailers', () => {
      if (!this.#stream.closed) this.#stream.sendTrailers(toHeaders(trailers))
    })
    this.#stream.end()
    this.#owner.onSent()
  }

  fail(error: Error): void {
    if (this.#over) return
    this.stop()
    this.#owner.onUploadError(error)
  }

  #onDrain = (): void => {
    this.#owner.onFlowing()
    this.#source.resume()
  }
}

function toHeaders(trailers: Trailers): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null)
  const flat = trailers ?? []
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    headers[name] ??= []
    headers[name].push(flat[i + 1] as string)
  }
  return headers
}
