// Sends the request up and the answer down, streaming both ways; tries again where that is safe.
// Worker thread; called by pipeline.ts once the chain has let the request pass.
import type { Exchange } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import { answerWith } from '../respond.ts'
import type { Endpoint } from './endpoint.ts'
import { breakerOpen, noHealthyUpstream } from './refusals.ts'
import { bodyOf } from './request-body.ts'
import { Turn } from './turn.ts'
import { UpstreamCall } from './upstream-call.ts'
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
  const headers = toUpstreamHeaders(ex, upstream.hostOf(endpoint), upstream.config.preserveHost)
  const body = bodyOf(ex)
  const call = new UpstreamCall(ex, upstream, { endpoint, tried, body, again: tryNext })
  const free = upstream.poolOf(endpoint).transport.dispatch(
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
  if (!free) call.limitQueueing()
}
