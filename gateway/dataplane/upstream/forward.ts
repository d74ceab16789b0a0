// Sends the request up and the answer down, streaming both ways; tries again where that is safe.
// Worker thread; called by pipeline.ts once the chain has let the request pass.
import { deny, type Reply } from '../../contract/reply.ts'
import type { Exchange } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import { answerWith } from '../respond.ts'
import type { Endpoint } from './endpoint.ts'
import { bodyOf } from './request-body.ts'
import { UpstreamCall } from './upstream-call.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

const noHealthyUpstream: Reply = deny(
  503,
  'AEGIS_NO_HEALTHY_UPSTREAM',
  'No healthy server is there for this request.',
  ['retry-after', '5'],
)
const breakerOpen = deny(503, 'AEGIS_BREAKER_OPEN', 'The service is failing; requests to it are held back.', [
  'retry-after',
  '5',
])
const upstreamFull = deny(503, 'AEGIS_UPSTREAM_FULL', 'Too many requests to this service are under way.', [
  'retry-after',
  '1',
])
const noTries: readonly Endpoint[] = []

export function forward(ex: Exchange, upstream: UpstreamHandle): void {
  ex.upstream = upstream.name
  const gate = upstream.cluster.admit()
  if (gate !== 'ok') return answerWith(ex, gate === 'open' ? breakerOpen : upstreamFull)
  tryNext(ex, upstream, noTries)
}

function tryNext(ex: Exchange, upstream: UpstreamHandle, tried: readonly Endpoint[]): void {
  const endpoint = upstream.cluster.pick(tried)
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
