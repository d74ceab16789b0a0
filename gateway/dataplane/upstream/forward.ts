// Sends the request up and the answer down, streaming both ways; tries again where that is safe.
// Worker thread; called by pipeline.ts once the chain has let the request pass.
import type { Exchange } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import { answerWith } from '../respond.ts'
import { acceptsTrailers } from '../trailers.ts'
import type { Endpoint } from './endpoint.ts'
import { Race } from './race.ts'
import { breakerOpen, noHealthyUpstream } from './refusals.ts'
import { bodyOf, RequestBody } from './request-body.ts'
import { Turn } from './turn.ts'
import { idempotent, type Try, UpstreamCall } from './upstream-call.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

const noTries: readonly Endpoint[] = []

export function forward(ex: Exchange, upstream: UpstreamHandle): void {
  ex.upstream = upstream.name
  const gate = upstream.cluster.enter(ex)
  if (gate === 'ok') return tryNext(ex, upstream, noTries)
  if (gate === 'open') return answerWith(ex, breakerOpen)
  new Turn(ex, upstream, tryFirst).wait()
}

/** After a wait, in which the breaker may have opened. */
function tryFirst(ex: Exchange, upstream: UpstreamHandle): void {
  if (upstream.cluster.isOpen()) return answerWith(ex, breakerOpen)
  tryNext(ex, upstream, noTries)
}

function tryNext(ex: Exchange, upstream: UpstreamHandle, tried: readonly Endpoint[]): void {
  const endpoint = upstream.cluster.pick(tried, ex)
  if (endpoint === null) return answerWith(ex, noHealthyUpstream)
  const one: Try = {
    endpoint,
    tried,
    headers: headersFor(ex, upstream, endpoint),
    body: bodyOf(ex, upstream.config.transport === 'http2'),
    again: tryNext,
  }
  const call = new UpstreamCall(ex, upstream, one)
  if (tried.length === 0 && !ex.isHandshake) {
    ex.compiled.mirror?.copy(ex, one.body)
    if (upstream.config.hedge !== null) hedge(ex, upstream, call, one)
  }
  send(ex, upstream, call, one)
}

/** Asks another endpoint too when the first one is late, where that does no harm. */
function hedge(ex: Exchange, upstream: UpstreamHandle, first: UpstreamCall, one: Try): void {
  const { cluster, config } = upstream
  if (config.hedge === null || one.body instanceof RequestBody || !idempotent.has(ex.method)) return
  new Race(ex, first, config.hedge.afterMs, (race) => {
    const tried = [one.endpoint]
    const endpoint = cluster.pick(tried, ex)
    if (endpoint === null || endpoint === one.endpoint || !cluster.takeHedge(ex)) return
    const other: Try = { ...one, endpoint, tried, headers: headersFor(ex, upstream, endpoint) }
    const second = new UpstreamCall(ex, upstream, other)
    race.enter(second)
    send(ex, upstream, second, other)
  })
}

function send(
  ex: Exchange,
  upstream: UpstreamHandle,
  call: UpstreamCall,
  { endpoint, headers, body }: Try,
): void {
  const queued = upstream.poolOf(endpoint).transport.dispatch(
    {
      path: ex.query === '' ? ex.upstreamPath : `${ex.upstreamPath}?${ex.query}`,
      method: ex.method,
      headers,
      body,
      length: Buffer.isBuffer(body) ? body.length : ex.contentLength,
      upgrade: ex.isHandshake,
    },
    call,
  )
  if (queued !== null) call.wait(queued)
}

function headersFor(ex: Exchange, upstream: UpstreamHandle, endpoint: Endpoint): string[] {
  const headers = toUpstreamHeaders(ex, upstream.hostOf(endpoint), upstream.config.preserveHost)
  // RFC 9113 section 8.2.2: all that may be said of TE. gRPC servers insist on it.
  if (upstream.config.transport === 'http2' && acceptsTrailers(ex.down.head.fields))
    headers.push('te', 'trailers')
  return headers
}
