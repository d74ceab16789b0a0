// The request body on its way up: pulled from the client only when the upstream takes it, counted against the limit.
// Worker thread; one per try, made by forward.ts.
import { Readable } from 'node:stream'
import { GatewayError } from '../../contract/errors.ts'
import type { Exchange } from '../exchange.ts'

export class RequestBody extends Readable {
  /** True once a byte may have been taken from the client: this body cannot be sent a second time. */
  started = false
  readonly #ex: Exchange

  constructor(ex: Exchange) {
    super()
    this.#ex = ex
    // undici listens only while it sends; what breaks before or after must not end the worker.
    this.on('error', ignore)
  }

  override _read(): void {
    const { req } = this.#ex
    if (this.started) {
      req.resume()
      return
    }
    this.started = true
    if (this.#ex.body.length > 0) this.push(this.#ex.body)
    inviteBody(this.#ex)
    req.on('data', this.#onData)
    req.on('end', this.#onEnd)
    req.on('close', this.#onClose)
    req.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { req } = this.#ex
    req.off('data', this.#onData)
    req.off('end', this.#onEnd)
    req.off('close', this.#onClose)
    done(error)
  }

  #onData = (chunk: Buffer): void => {
    const ex = this.#ex
    ex.requestBytes += chunk.length
    if (ex.requestBytes > ex.bodyLimit) {
      this.destroy(tooLarge(ex.bodyLimit))
      return
    }
    if (!this.push(chunk)) ex.req.pause()
  }

  #onEnd = (): void => {
    this.push(null)
  }

  #onClose = (): void => {
    if (!this.#ex.req.complete) this.destroy(clientLeft())
  }
}

/** Reads at most `limitBytes` of the body into `ex.body`; `ex.bodyComplete` says whether that was all of it. */
export function bufferBody(ex: Exchange, limitBytes: number): Promise<void> {
  const { req } = ex
  inviteBody(ex)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let kept = 0
    const settle = (error: Error | null): void => {
      req.pause()
      req.off('data', onData)
      req.off('end', onEnd)
      req.off('close', onClose)
      ex.body = Buffer.concat(chunks)
      if (error === null) resolve()
      else reject(error)
    }
    const onData = (chunk: Buffer): void => {
      ex.requestBytes += chunk.length
      kept += chunk.length
      chunks.push(chunk)
      if (ex.requestBytes > ex.bodyLimit) settle(tooLarge(ex.bodyLimit))
      else if (kept >= limitBytes) settle(null)
    }
    const onEnd = (): void => {
      ex.bodyComplete = true
      settle(null)
    }
    const onClose = (): void => settle(clientLeft())
    req.on('data', onData)
    req.on('end', onEnd)
    req.on('close', onClose)
    req.resume()
  })
}

/** RFC 9110 section 10.1.1: the client is asked for its body only once policy has let the request pass. */
function inviteBody(ex: Exchange): void {
  if (!ex.expectsContinue || ex.answering) return
  ex.expectsContinue = false
  ex.res.writeContinue()
}

function ignore(): void {}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError(`the request body is larger than ${limitBytes} bytes`, {
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
