// Sends the request up and the answer down, streaming both ways; tries again where that is safe.
// Worker thread; called by pipeline.ts once the chain has let the request pass.
import { Buffer } from 'node:buffer'
import { deny, type Reply } from '../../contract/reply.ts'
import type { Exchange } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import { answerWith } from '../respond.ts'
import type { Endpoint } from './endpoint.ts'
import { RequestBody } from './request-body.ts'
import { UpstreamCall } from './upstream-call.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

export const noHealthyUpstream: Reply = deny(
  503,
  'AEGIS_NO_HEALTHY_UPSTREAM',
  'No healthy server is there for this request.',
  ['retry-after', '5'],
)

export function forward(ex: Exchange, upstream: UpstreamHandle): void {
  ex.upstream = upstream.name
  const gate = upstream.cluster.admit()
  if (gate !== 'ok') return answerWith(ex, refuseByBreaker(gate))
  tryNext(ex, upstream, [])
}

export function refuseByBreaker(gate: 'open' | 'full'): Reply {
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

function tryNext(ex: Exchange, upstream: UpstreamHandle, tried: readonly Endpoint[]): void {
  const endpoint = upstream.cluster.pick(tried)
  if (endpoint === null) return answerWith(ex, noHealthyUpstream)
  const body = bodyOf(ex)
  const call = new UpstreamCall(ex, upstream, {
    endpoint,
    triesBefore: tried.length,
    body,
    again: () => tryNext(ex, upstream, [...tried, endpoint]),
  })
  const free = upstream.poolOf(endpoint).dispatch(
    {
      path: ex.query === '' ? ex.upstreamPath : `${ex.upstreamPath}?${ex.query}`,
      method: ex.method,
      headers: toUpstreamHeaders(ex, upstream.hostOf(endpoint), upstream.config.preserveHost),
      body,
    },
    call,
  )
  if (!free) call.limitQueueing()
}

function bodyOf(ex: Exchange): RequestBody | Buffer | null {
  if (!ex.hasBody) return null
  if (!ex.bodyComplete) return new RequestBody(ex)
  const { buffer, byteOffset, byteLength } = ex.body
  return Buffer.from(buffer, byteOffset, byteLength)
}
