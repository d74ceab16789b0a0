// Sends the request up and the answer down, streaming both ways; tries again where that is safe.
// Worker thread; called by pipeline.ts once the chain has let the request pass.
import type { Dispatcher } from 'undici'
import { GatewayError } from '../../contract/errors.ts'
import { deny, type Reply } from '../../contract/reply.ts'
import type { RetryReason } from '../../contract/snapshot.ts'
import type { Exchange } from '../exchange.ts'
import { toDownstreamHeaders, toUpstreamHeaders } from '../headers.ts'
import { answerFromUpstream, answerWith } from '../respond.ts'
import type { Outcome } from './cluster.ts'
import type { UpstreamHandle } from './clusters.ts'
import type { Endpoint } from './endpoint.ts'
import { explainFailure, type UpstreamFailure } from './failure.ts'
import { RequestBody } from './request-body.ts'

/** RFC 9110 section 9.2.2, less what a gateway should not repeat by itself. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** What is read of an answer that is thrown away before its connection is given up, in bytes. */
const discardLimitBytes = 65_536

export function forward(ex: Exchange, upstream: UpstreamHandle): void {
  ex.upstream = upstream.name
  const gate = upstream.cluster.admit()
  if (gate !== 'ok') return answerWith(ex, refuseByBreaker(gate))
  tryNext(ex, upstream, [])
}

function tryNext(ex: Exchange, upstream: UpstreamHandle, tried: readonly Endpoint[]): void {
  const endpoint = upstream.cluster.pick(tried)
  if (endpoint === null) {
    return answerWith(
      ex,
      deny(503, 'AEGIS_NO_HEALTHY_UPSTREAM', 'No healthy server is there for this request.', [
        'retry-after',
        '5',
      ]),
    )
  }
  const body = ex.bodyComplete ? Buffer.from(ex.body) : ex.hasBody ? new RequestBody(ex) : null
  const call = new UpstreamCall(ex, upstream, endpoint, tried, body)
  upstream.poolOf(endpoint).dispatch(
    {
      path: ex.query === '' ? ex.upstreamPath : `${ex.upstreamPath}?${ex.query}`,
      method: ex.method,
      headers: toUpstreamHeaders(ex, upstream.hostOf(endpoint), upstream.config.preserveHost),
      body,
    },
    call,
  )
}

/** One try: the handler that undici calls back. */
class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly #ex: Exchange
  readonly #upstream: UpstreamHandle
  readonly #endpoint: Endpoint
  readonly #tried: readonly Endpoint[]
  readonly #body: RequestBody | Buffer | null
  readonly #startedAt = performance.now()
  #controller: Dispatcher.DispatchController | null = null
  #sent = false
  #closed = false
  /** Bytes thrown away of an answer that is being retried; -1 when the answer is passed on. */
  #discarded = -1

  constructor(
    ex: Exchange,
    upstream: UpstreamHandle,
    endpoint: Endpoint,
    tried: readonly Endpoint[],
    body: RequestBody | Buffer | null,
  ) {
    this.#ex = ex
    this.#upstream = upstream
    this.#endpoint = endpoint
    this.#tried = tried
    this.#body = body
    ex.attempts += 1
    ex.target = endpoint.url
    ex.abort = this
    upstream.cluster.began(endpoint)
  }

  /** The client went away. */
  abort(): void {
    this.#controller?.abort(new Error('the client went away'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#sent = true
    if (this.#ex.ended) this.abort()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, unknown>,
  ): void {
    const ex = this.#ex
    if (status < 200) {
      if (status === 103 && headers.link !== undefined && !ex.headSent) {
        ex.res.writeEarlyHints({ link: headers.link as string | string[] })
      }
      return
    }
    const reason = status === 502 || status === 503 || status === 504 ? (String(status) as RetryReason) : null
    if (reason === null) this.#upstream.cluster.answered(this.#endpoint)
    else if (this.#mayRetry(reason)) {
      this.#discarded = 0
      this.#retry('status-error')
      return
    }
    const raw = controller.rawHeaders as (Buffer | string)[]
    // The hooks may take their time: nothing is read from the upstream meanwhile.
    controller.pause()
    answerFromUpstream(ex, status, toDownstreamHeaders(raw), () => {
      flushStream(ex)
      controller.resume()
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#discarded >= 0) {
      this.#discarded += chunk.length
      if (this.#discarded > discardLimitBytes) controller.abort(new Error('answer not wanted'))
      return
    }
    const { res } = this.#ex
    this.#ex.responseBytes += chunk.length
    if (res.write(chunk)) return
    controller.pause()
    res.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    if (this.#discarded >= 0) return
    const { status } = this.#ex
    this.#close(status === 502 || status === 503 || status === 504 ? 'status-error' : 'ok')
    this.#ex.res.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#discarded >= 0) return
    const ex = this.#ex
    const failure = explainFailure(error, this.#sent)
    if (ex.ended) return this.#close('cancelled')
    if (ex.headSent) {
      // RFC 9112 section 8: a broken body must not look like a whole one.
      ex.failure = failure.detail
      ex.code = failure.reply.code
      this.#close(failure.outcome)
      ex.socket.destroy()
      return
    }
    if (failure.retry !== null && this.#mayRetry(failure.retry)) return this.#retry(failure.outcome)
    ex.failure = failure.detail
    this.#close(failure.outcome)
    answerWith(ex, toReply(failure, error))
  }

  #mayRetry(reason: RetryReason): boolean {
    const { config, cluster } = this.#upstream
    if (this.#ex.ended || this.#tried.length >= config.retry.attempts || !config.retry.on.includes(reason))
      return false
    if (this.#body instanceof RequestBody && this.#body.started) return false
    // Nothing was sent, or doing it twice has the effect of doing it once.
    if (reason !== 'connect-failure' && !idempotent.has(this.#ex.method)) return false
    return cluster.takeRetry()
  }

  #retry(outcome: Outcome): void {
    this.#close(outcome)
    if (this.#body instanceof RequestBody) this.#body.destroy()
    tryNext(this.#ex, this.#upstream, [...this.#tried, this.#endpoint])
  }

  #close(outcome: Outcome): void {
    if (this.#closed) return
    this.#closed = true
    this.#ex.upstreamMs += performance.now() - this.#startedAt
    this.#upstream.cluster.ended(this.#endpoint, outcome)
  }
}

/** Streams (SSE above all) must show their head before their first byte of body. */
function flushStream(ex: Exchange): void {
  if (ex.responseHeader('content-length') === undefined && !ex.ended) ex.res.flushHeaders()
}

function refuseByBreaker(gate: 'open' | 'full'): Reply {
  return gate === 'open'
    ? deny(503, 'AEGIS_BREAKER_OPEN', 'The service is failing; requests to it are held back.', [
        'retry-after',
        '5',
      ])
    : deny(503, 'AEGIS_UPSTREAM_FULL', 'Too many requests to this service are under way.', [
        'retry-after',
        '1',
      ])
}

function toReply(failure: UpstreamFailure, error: Error): Reply {
  if (error instanceof GatewayError) return deny(error.status, error.code, `${error.message}.`)
  return failure.reply
}
