// One try of a request upstream: the handler that undici calls back. Worker thread; made by forward.ts.
// undici hands an exception of a handler to the handler itself as if the upstream had failed, so nothing here may throw.
import type { Dispatcher } from 'undici'
import { deny } from '../../contract/reply.ts'
import type { RetryReason } from '../../contract/snapshot.ts'
import type { Exchange } from '../exchange.ts'
import { toDownstreamHeaders } from '../headers.ts'
import { answerInstead, answerWith, breakOff, drainRequest, sendHead, startAnswer } from '../respond.ts'
import type { Outcome } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import { explainFailure, type UpstreamFailure } from './failure.ts'
import { RequestBody } from './request-body.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

/** RFC 9110 section 9.2.2, less what a gateway should not repeat by itself. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** What is read of an answer that nobody wants before its connection is given up, in bytes. */
const discardLimitBytes = 65_536

/** A body of up to this size that comes in one piece goes out in one write with its head. */
const smallBodyBytes = 16_384

/** Interim answers of one try; each one starts undici's wait for the final one anew. */
const mostInterim = 32

export interface Try {
  readonly endpoint: Endpoint
  readonly triesBefore: number
  readonly body: RequestBody | Buffer | null
  /** Makes the next try. */
  again(): void
}

type Controller = Dispatcher.DispatchController

export class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly #ex: Exchange
  readonly #upstream: UpstreamHandle
  readonly #try: Try
  readonly #startedAt = performance.now()
  #controller: Controller | null = null
  #queueTimer: NodeJS.Timeout | undefined
  /** Of the final answer; 0 before it came. */
  #status = 0
  #interim = 0
  /** The head went to the client: what follows of this answer does too. */
  #passing = false
  /** All of the answer came before its head could be passed on. */
  #complete = false
  /** Why the answer can no longer be passed on, found while the hooks ran on its head. */
  #broken: UpstreamFailure | null = null
  /** Nobody waits for this try any longer. */
  #over = false
  #counted = true
  #discardedBytes = 0
  /** Content-Length of the answer as it is passed on; -1 when it has none. */
  #announced = -1

  constructor(ex: Exchange, upstream: UpstreamHandle, one: Try) {
    this.#ex = ex
    this.#upstream = upstream
    this.#try = one
    ex.attempts += 1
    ex.target = one.endpoint.url
    ex.abort = this
    upstream.cluster.began(one.endpoint)
  }

  /** The client is gone or was answered otherwise. Does not call back. */
  abort(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#queueTimer)
    this.#dropBody()
    this.#controller?.abort(new Error('nobody waits for this try'))
  }

  /** The pool has no free connection: the wait for one is bounded like the wait for an answer. */
  limitQueueing(): void {
    if (this.#controller !== null || this.#over || !this.#counted) return
    const { headersMs } = this.#upstream.config.timeouts
    this.#queueTimer = setTimeout(() => {
      this.abort()
      this.#ex.failure = `no connection to ${this.#try.endpoint.url} came free within ${headersMs} ms`
      const detail = 'The service has no free connection.'
      answerWith(this.#ex, deny(503, 'AEGIS_UPSTREAM_FULL', detail, ['retry-after', '1']))
    }, headersMs)
  }

  onRequestStart(controller: Controller): void {
    // Thrown, so that undici drops the try and keeps the connection, on which nothing was sent yet.
    if (this.#over) throw new Error('nobody waits for this try')
    clearTimeout(this.#queueTimer)
    this.#controller = controller
  }

  onResponseStart(controller: Controller, status: number): void {
    const raw = controller.rawHeaders as (Buffer | string)[]
    if (status < 200) return this.#passInterim(controller, status, raw)
    this.#status = status
    const reason = toRetryReason(status)
    if (reason === null) this.#upstream.cluster.answered(this.#try.endpoint)
    else if (this.#mayRetry(reason)) return this.#retry('status-error')
    this.#ex.responseSource = 'upstream'
    // The hooks may take their time: nothing is read from the upstream meanwhile.
    controller.pause()
    startAnswer(this.#ex, status, toDownstreamHeaders(raw), () => this.#pass(controller))
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#over) {
      this.#discardedBytes += chunk.length
      if (this.#discardedBytes > discardLimitBytes) controller.abort(new Error('this answer is not wanted'))
      return
    }
    const { res } = this.#ex
    this.#ex.responseBytes += chunk.length
    if (chunk.length === this.#announced && chunk.length <= smallBodyBytes) {
      // As a string node writes it together with the head: one system call and no vector. latin1 keeps every byte.
      res.end(chunk.toString('latin1'), 'latin1')
      return
    }
    if (res.write(chunk)) return
    controller.pause()
    res.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#close(toRetryReason(this.#status) === null ? 'ok' : 'status-error')
    if (this.#over) return
    if (this.#passing) this.#finish()
    else this.#complete = true
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#over || this.#ex.ended) return this.#close('cancelled')
    const failure = explainFailure(error, this.#controller !== null)
    const ex = this.#ex
    if (this.#status !== 0) {
      this.#close(failure.outcome)
      ex.failure = failure.detail
      ex.code = failure.reply.code
      if (this.#passing) breakOff(ex)
      else this.#broken = failure
      return
    }
    if (failure.retry !== null && this.#mayRetry(failure.retry)) return this.#retry(failure.outcome)
    this.#close(failure.outcome)
    ex.failure = failure.detail
    answerWith(ex, failure.reply)
  }

  /** The hooks have run on the head. */
  #pass(controller: Controller): void {
    const ex = this.#ex
    if (this.#over || ex.ended) return
    if (this.#broken !== null) return answerInstead(ex, this.#broken.reply)
    if (!sendHead(ex)) {
      this.#close('ok')
      return this.abort()
    }
    this.#passing = true
    const length = ex.responseHeader('content-length')
    if (length !== undefined) this.#announced = Number(length)
    if (this.#complete) return this.#finish()
    controller.resume()
    // Streams (SSE above all) show their head before their first byte of body; where a body came along with the head,
    // both go out in one write.
    if (this.#announced < 0) queueMicrotask(() => this.#flushHead())
  }

  #flushHead(): void {
    if (this.#ex.responseBytes === 0 && !this.#ex.ended && !this.#ex.res.writableEnded)
      this.#ex.res.flushHeaders()
  }

  #finish(): void {
    this.#ex.res.end()
    // The upstream answered without having read all of the request.
    if (!this.#ex.req.complete) drainRequest(this.#ex)
  }

  /** RFC 9110 section 15.2: interim answers are passed on, but never to HTTP/1.0. A bad one is dropped. */
  #passInterim(controller: Controller, status: number, raw: readonly (Buffer | string)[]): void {
    const { res, req, answering } = this.#ex
    this.#interim += 1
    if (this.#interim > mostInterim) return controller.abort(new Error('too many interim answers'))
    if (this.#over || answering || req.httpVersionMinor === 0) return
    try {
      res.writeInformation(status, toDownstreamHeaders(raw))
    } catch (error) {
      this.#ex.runtime.log.debug(
        { err: error, upstream: this.#upstream.name },
        'an interim answer was dropped',
      )
    }
  }

  #mayRetry(reason: RetryReason): boolean {
    const { config, cluster } = this.#upstream
    const { triesBefore, body } = this.#try
    if (this.#ex.ended || triesBefore >= config.retry.attempts || !config.retry.on.includes(reason))
      return false
    if (body instanceof RequestBody && body.started) return false
    // Nothing was sent, or doing it twice has the effect of doing it once.
    if (reason !== 'connect-failure' && !idempotent.has(this.#ex.method)) return false
    return cluster.takeRetry()
  }

  #retry(outcome: Outcome): void {
    this.#close(outcome)
    // What still comes of this answer is read and thrown away, so that its connection can serve again.
    this.#over = true
    this.#try.again()
  }

  /** The client's bytes are free for the next try, or to be thrown away. */
  #dropBody(): void {
    if (this.#try.body instanceof RequestBody) this.#try.body.destroy()
  }

  #close(outcome: Outcome): void {
    clearTimeout(this.#queueTimer)
    if (!this.#counted) return
    this.#counted = false
    this.#dropBody()
    this.#ex.upstreamMs += performance.now() - this.#startedAt
    this.#upstream.cluster.ended(this.#try.endpoint, outcome)
  }
}

function toRetryReason(status: number): '502' | '503' | '504' | null {
  return status === 502 || status === 503 || status === 504 ? (String(status) as '502' | '503' | '504') : null
}
