// Requests that wait for a connection, and leave before there is one: nothing of them is kept at the client of the upstream.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { UpstreamConfig } from '../../../../gateway/contract/snapshot.ts'
import type { CompiledRoute } from '../../../../gateway/dataplane/runtime.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { forward } from '../../../../gateway/dataplane/upstream/forward.ts'
import { createMirror } from '../../../../gateway/dataplane/upstream/mirror.ts'
import type { Transport } from '../../../../gateway/dataplane/upstream/transport.ts'
import type { UpstreamHandle } from '../../../../gateway/dataplane/upstream/upstream-handle.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { createExchange } from '../snapshot.ts'
import { createBench, createUpstream } from './fixture.ts'

/** An upstream to which no connection ever comes. */
function createFullUpstream(full: boolean, over: Partial<UpstreamConfig> = {}) {
  const timeouts = { connectMs: 20, headersMs: 20, bodyIdleMs: 20 }
  const { cluster } = createBench(createUpstream([1], { timeouts, ...over }))
  const line = new Set<object>()
  const transport: Transport = {
    dispatch() {
      const queued = { full, leave: () => void line.delete(queued) }
      line.add(queued)
      return queued
    },
    close: async () => {},
  }
  const upstream = { name: 'api', config: cluster.config, cluster, arriving: null } as UpstreamHandle
  upstream.of = () => upstream
  upstream.poolOf = () => ({ transport, questions: {} as never })
  upstream.hostOf = () => 'api.test'
  return { upstream, line, cluster }
}

function createRouted() {
  const ex = createExchange()
  ex.compiled = { mirror: null } as CompiledRoute
  Object.assign(ex.down, { respond() {}, end() {} })
  return ex
}

describe('a request that waits for a connection', () => {
  for (const full of [true, false]) {
    test(`leaves the line with its client, ${full ? 'no' : 'a'} connection being on its way`, () => {
      const { upstream, line, cluster } = createFullUpstream(full)
      const ex = createRouted()
      forward(ex, upstream)
      assert.deepEqual([line.size, cluster.load().active], [1, 1])
      ex.cancel()
      assert.deepEqual([line.size, cluster.load().active], [0, 0])
    })
  }

  test('leaves the line when it has waited for too long', async () => {
    const { upstream, line } = createFullUpstream(true)
    const ex = createRouted()
    forward(ex, upstream)
    await waitUntil(() => ex.code === 'AEGIS_UPSTREAM_FULL')
    assert.equal(line.size, 0)
  })

  test('leaves the line when it is a copy for which nobody waits any longer', async () => {
    const { upstream, line, cluster } = createFullUpstream(true)
    const results: string[] = []
    const mirror = createMirror({
      config: { upstream: 'api', percent: 100, bodyBytes: 0 },
      upstream,
      random: () => 0,
      count: (_, result) => void results.push(result),
    })
    mirror.copy(createRouted(), null)
    assert.equal(line.size, 1)
    await waitUntil(() => results.length > 0)
    assert.deepEqual([results, line.size, cluster.load().active], [['failed'], 0, 0])
  })
})

describe('a request that waits for a place', () => {
  test('is refused when it gets one and the breaker opened meanwhile', async () => {
    const breaker = { errorPercent: 50, maxConnections: 1, maxPending: 10, maxPerTenant: 0 }
    const { upstream, line, cluster } = createFullUpstream(false, { breaker })
    const other = createRouted()
    const begin = () => cluster.begin(cluster.endpoints[0] as Endpoint, other)
    for (let i = 0; i < 19; i++) begin().ended('reset')
    const twentieth = begin()
    const ex = createRouted()
    forward(ex, upstream)
    assert.equal(cluster.load().waiting, 1)
    twentieth.ended('reset')
    await Promise.resolve()
    assert.deepEqual([ex.code, ex.status], ['AEGIS_BREAKER_OPEN', 503])
    assert.deepEqual([line.size, cluster.load().active, cluster.load().waiting], [0, 0, 0])
  })
})
