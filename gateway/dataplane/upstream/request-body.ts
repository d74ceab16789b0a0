// The request body on its way up: pulled from the client only when the upstream takes it, counted against the limit.
// Worker thread; one per try, made by forward.ts.
import { GatewayError } from '../../contract/errors.ts'
import type { BodyReader } from '../downstream.ts'
import type { Exchange } from '../exchange.ts'
import { type Trailers, toUpstreamTrailers } from '../trailers.ts'
import type { BodyCopy } from './body-copy.ts'
import type { BodySink, BodySource } from './transport.ts'

/** A body that came along with its head is held, up to this size: one write upstream, and it can be sent again. */
const heldBytes = 16_384

/** The body as it goes up: all of it, or a stream, which `rewinds` where its transport can need that; null when there is none. */
export function bodyOf(ex: Exchange, rewinds: boolean): RequestBody | Buffer | null {
  if (!ex.hasBody) return null
  if (!ex.bodyComplete && ex.body.length === 0) takeHeld(ex, Math.min(heldBytes, ex.bodyLimit))
  if (!ex.bodyComplete) return new RequestBody(ex, rewinds)
  const { buffer, byteOffset, byteLength } = ex.body
  return Buffer.from(buffer, byteOffset, byteLength)
}

function takeHeld(ex: Exchange, limitBytes: number): void {
  const held = ex.down.takeBody(limitBytes)
  if (held === null) return
  ex.body = held
  ex.bodyComplete = true
  ex.requestBytes = held.length
}

export class RequestBody implements BodySource, BodyReader {
  /** True once a byte may have been taken from the client: this body can be sent a second time only if it rewinds. */
  started = false
  readonly #ex: Exchange
  #sink: BodySink | null = null
  #copy: BodyCopy | null = null
  /** What came since `start`, for a second one; null: none of it is kept, or it was too much. */
  #kept: Buffer[] | null
  #keptBytes = 0

  /** `rewinds`: its beginning is kept, so that it can go out anew. */
  constructor(ex: Exchange, rewinds: boolean) {
    this.#ex = ex
    this.#kept = rewinds ? [] : null
  }

  /** What goes up from now on goes there too, at no cost in speed. */
  copyTo(copy: BodyCopy): void {
    this.#copy = copy
  }

  start(sink: BodySink): void {
    if (!this.started) this.#copy?.add(this.#ex.body)
    this.started = true
    this.#sink = sink
    if (this.#ex.body.length > 0) sink.write(Buffer.from(this.#ex.body))
    if (this.#ex.bodyComplete) return this.#sink.end(null)
    inviteBody(this.#ex)
    this.#ex.down.read(this)
  }

  resume(): void {
    if (this.#sink !== null) this.#ex.down.resume()
  }

  /** What was given out is put back before what is still to come. */
  rewind(): boolean {
    if (this.started && this.#kept === null) return false
    if (this.#sink !== null) this.#ex.down.pause()
    this.#sink = null
    if (this.#keptBytes === 0) return true
    this.#ex.body = Buffer.concat([this.#ex.body, ...(this.#kept ?? [])])
    this.#kept = []
    this.#keptBytes = 0
    return true
  }

  /** Nobody takes it any longer. */
  cancel(): void {
    if (this.#sink !== null) this.#ex.down.pause()
    this.#sink = null
    this.#copy?.drop()
  }

  onData(bytes: Buffer): void {
    const ex = this.#ex
    const sink = this.#sink
    if (sink === null) return
    ex.requestBytes += bytes.length
    if (ex.requestBytes > ex.bodyLimit) this.#fail(tooLarge(ex.bodyLimit))
    else {
      this.#copy?.add(bytes)
      if (this.#kept !== null) this.#keep(this.#kept, bytes)
      if (!sink.write(bytes)) ex.down.pause()
    }
  }

  onEnd(trailers: Trailers): void {
    const { inspectUpTo, upstreamEdits } = this.#ex
    // Trailers are not kept.
    if (trailers !== null) this.#kept = null
    if (this.#kept !== null) this.#ex.bodyComplete = true
    // Plugins that want to see what is sent do not see these.
    this.#sink?.end(inspectUpTo > 0 ? null : toUpstreamTrailers(trailers, upstreamEdits))
    this.#sink = null
    this.#copy?.end()
  }

  onBroken(): void {
    this.#fail(clientLeft())
  }

  #keep(kept: Buffer[], bytes: Buffer): void {
    kept.push(bytes)
    this.#keptBytes += bytes.length
    if (this.#keptBytes > heldBytes) this.#kept = null
  }

  #fail(error: GatewayError): void {
    const sink = this.#sink
    this.cancel()
    sink?.fail(error)
  }
}

/** Reads at most `limitBytes` of the body into `ex.body`; `ex.bodyComplete` says whether that was all of it. */
export function bufferBody(ex: Exchange, limitBytes: number): Promise<void> {
  takeHeld(ex, Math.min(limitBytes, ex.bodyLimit))
  if (ex.bodyComplete) return Promise.resolve()
  inviteBody(ex)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const chunks: Buffer[] = []
  let kept = 0
  const settle = (error: Error | null): void => {
    ex.down.pause()
    ex.body = Buffer.concat(chunks)
    if (error === null) resolve()
    else reject(error)
  }
  ex.down.read({
    onData(bytes) {
      ex.requestBytes += bytes.length
      kept += bytes.length
      chunks.push(bytes)
      if (ex.requestBytes > ex.bodyLimit) settle(tooLarge(ex.bodyLimit))
      else if (kept >= limitBytes) settle(null)
    },
    onEnd() {
      ex.bodyComplete = true
      settle(null)
    },
    onBroken: () => settle(clientLeft()),
  })
  return promise
}

/** RFC 9110 section 10.1.1: the client is asked for its body only once policy has let the request pass. */
function inviteBody(ex: Exchange): void {
  if (!ex.expectsContinue || ex.answering) return
  ex.expectsContinue = false
  ex.down.invite()
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError(`The request body is larger than ${limitBytes} bytes`, {
    code: 'AEGIS_BODY_TOO_LARGE',
    source: 'downstream',
    status: 413,
  })
}

function clientLeft(): GatewayError {
  return new GatewayError('the client went away while it sent its body', {
    code: 'AEGIS_CLIENT_CLOSED',
    source: 'downstream',
    status: 499,
  })
}
