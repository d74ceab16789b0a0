import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Report } from '../../../../gateway/contract/protocol.ts'
import type { UpstreamConfig } from '../../../../gateway/contract/snapshot.ts'
import { createWorkerMetrics } from '../../../../gateway/dataplane/metrics.ts'
import { createClusterMetrics } from '../../../../gateway/dataplane/upstream/cluster-metrics.ts'
import { createClusters } from '../../../../gateway/dataplane/upstream/clusters.ts'
import { createPools, type Pools, type TargetPool } from '../../../../gateway/dataplane/upstream/pools.ts'
import { createTestClock } from '../../../support/clock.ts'
import { caller, createUpstream } from './fixture.ts'

function createBench() {
  const leased: string[] = []
  const released: string[] = []
  const reports: Report[] = []
  const pools: Pools = {
    lease(origin) {
      if (origin.endsWith(':1')) throw new Error('no such pool')
      leased.push(origin)
      return { pool: {} as TargetPool, release: () => void released.push(origin) }
    },
  }
  const clusters = createClusters({
    metrics: createClusterMetrics(createWorkerMetrics().port),
    pools,
    clock: createTestClock(),
    random: () => 0,
    report: (report) => void reports.push(report),
  })
  return { clusters, leased, released, reports }
}

const one = (over: Partial<UpstreamConfig> = {}) => ({ api: createUpstream([1, 1], over) })

describe('clusters over configs', () => {
  test('what was learnt of a target is known to the next config', () => {
    const { clusters, reports } = createBench()
    const first = clusters.acquire(one())
    first.activate()
    const handle = first.get('api')
    const [target] = handle.cluster.endpoints
    assert.ok(target)
    for (let i = 0; i < 3; i++) {
      handle.cluster.begin(target, caller).ended('reset')
    }
    assert.equal(reports.length, 1)
    const second = clusters.acquire(one({ balancer: 'least-request' }))
    const next = second.get('api').cluster
    for (let i = 0; i < 10; i++) assert.notEqual(next.pick([], caller)?.url, target.url)
  })

  test('a refused config changes nothing of the live one', () => {
    const { clusters, released } = createBench()
    const live = clusters.acquire(one())
    live.activate()
    const refused = clusters.acquire({
      api: createUpstream([9], { health: { active: null, passive: null } }),
      extra: createUpstream([1]),
    })
    refused.release()
    assert.equal(released.length, 2)
    const { cluster } = live.get('api')
    assert.deepEqual(
      cluster.endpoints.map((endpoint) => endpoint.weight),
      [1, 1],
    )
    // The next one takes over from the live one, not from the refused one.
    const endpoint = cluster.endpoints[0]
    assert.ok(endpoint)
    cluster.begin(endpoint, caller)
    assert.equal(clusters.acquire(one()).get('api').cluster.endpoints[0]?.inFlight, 1)
  })

  test('a config whose pools cannot all be had leaves none behind', () => {
    const { clusters, leased, released } = createBench()
    const bad = createUpstream([1], { targets: [{ url: 'http://127.0.0.1:1', weight: 1 }] })
    assert.throws(() => clusters.acquire({ ...one(), bad }), /no such pool/)
    assert.deepEqual(released, leased)
  })

  test('letting go twice is letting go once', () => {
    const { clusters, leased, released } = createBench()
    const lease = clusters.acquire(one())
    lease.release()
    lease.release()
    assert.deepEqual(released, leased)
  })

  test('every generation that is in use hears of health, and a new one is told', () => {
    const { clusters } = createBench()
    const first = clusters.acquire(one())
    const url = first.get('api').cluster.endpoints[0]?.url ?? ''
    clusters.applyHealth([{ upstream: 'api', target: url, healthy: false, ejectedUntilMs: 0 }])
    const second = clusters.acquire(one())
    for (const lease of [first, second]) {
      for (let i = 0; i < 4; i++) assert.notEqual(lease.get('api').cluster.pick([], caller)?.url, url)
    }
  })

  test('an unknown name is a defect that names itself', () => {
    const { clusters } = createBench()
    assert.throws(() => clusters.acquire(one()).get('nosuch'), /no upstream is named nosuch/)
  })
})

const isClosed = ({ questions }: TargetPool) => (questions as unknown as { closed: boolean }).closed

describe('pools', () => {
  test('configs with the same target and settings share a pool; the last lease closes it', async () => {
    const pools = createPools()
    const config = createUpstream([1])
    const first = pools.lease('http://127.0.0.1:9', config, null)
    const second = pools.lease('http://127.0.0.1:9', { ...config, balancer: 'least-request' }, null)
    const patient = { ...config, timeouts: { ...config.timeouts, headersMs: 7 } }
    const other = pools.lease('http://127.0.0.1:9', patient, null)
    assert.equal(first.pool, second.pool)
    assert.notEqual(first.pool, other.pool)
    first.release()
    assert.equal(isClosed(first.pool), false)
    second.release()
    assert.equal(isClosed(first.pool), true)
    assert.equal(isClosed(other.pool), false)
    other.release()
    assert.notEqual(pools.lease('http://127.0.0.1:9', config, null).pool, first.pool)
  })
})
