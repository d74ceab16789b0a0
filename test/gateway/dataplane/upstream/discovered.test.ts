// Endpoints that change while a worker uses them, and tenants' own parts of an upstream.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Report } from '../../../../gateway/contract/protocol.ts'
import type { ConsulDiscovery, TargetConfig, UpstreamConfig } from '../../../../gateway/contract/snapshot.ts'
import { toSourceKey } from '../../../../gateway/contract/upstream-key.ts'
import { createWorkerMetrics } from '../../../../gateway/dataplane/metrics.ts'
import { createClusterMetrics } from '../../../../gateway/dataplane/upstream/cluster-metrics.ts'
import { createClusters } from '../../../../gateway/dataplane/upstream/clusters.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import type { Pools, TargetPool } from '../../../../gateway/dataplane/upstream/pools.ts'
import type { UpstreamHandle } from '../../../../gateway/dataplane/upstream/upstream-handle.ts'
import { createTestClock } from '../../../support/clock.ts'
import { caller, createUpstream } from './fixture.ts'

const shared: ConsulDiscovery = {
  kind: 'consul',
  service: 'api',
  tags: [],
  datacenter: null,
  scheme: 'http',
  passingOnly: true,
  stale: true,
  onEmpty: 'keep',
}
const perTenant: ConsulDiscovery = { ...shared, service: 'api-service-{tenant}' }
const a = 'http://10.0.0.1:80'
const b = 'http://10.0.0.2:80'

function createBench(discovery: ConsulDiscovery = shared) {
  const open = new Map<string, number>()
  const reports: Report[] = []
  const clock = createTestClock()
  const pools: Pools = {
    lease(origin) {
      open.set(origin, (open.get(origin) ?? 0) + 1)
      const release = () => void open.set(origin, (open.get(origin) ?? 0) - 1)
      return { pool: { origin } as unknown as TargetPool, release }
    },
  }
  const clusters = createClusters({
    metrics: createClusterMetrics(createWorkerMetrics().port),
    pools,
    clock,
    random: () => 0,
    report: (one) => void reports.push(one),
  })
  const config = (over: Partial<UpstreamConfig> = {}) => ({
    api: createUpstream([], { discovery, ...over }),
  })
  const tell = (targets: readonly TargetConfig[] | null, key = 'api', by = discovery) =>
    clusters.applyEndpoints({ topic: 'endpoints', upstream: key, source: toSourceKey(by), targets })
  return { clusters, clock, reports, config, tell, leases: (url: string) => open.get(url) ?? 0 }
}

const to = (...urls: string[]): TargetConfig[] => urls.map((url) => ({ url, weight: 1 }))
const urlsOf = (handle: UpstreamHandle) => handle.cluster.endpoints.map(({ url }) => url)

describe('a discovered upstream', () => {
  test('holds requests until its endpoints are known, at most as long as a connection may take', async () => {
    const { clusters, clock, config, tell } = createBench()
    const handle = clusters.acquire(config()).get('api')
    const waiting = handle.arriving
    assert.ok(waiting)
    tell(to(a))
    await waiting
    assert.equal(handle.arriving, null)
    assert.equal(handle.cluster.pick([], caller)?.url, a)

    const other = createBench()
    const slow = other.clusters.acquire(other.config()).get('api')
    const inVain = slow.arriving
    other.clock.advance(1000)
    await inVain
    assert.equal(slow.arriving, null)
    assert.equal(slow.cluster.pick([], caller), null)
    assert.ok(clock.monotonicMs() > 0)
  })

  test('keeps the connections and the record of endpoints that stay', () => {
    const { clusters, config, tell, leases } = createBench()
    const handle = clusters.acquire(config()).get('api')
    tell(to(a))
    const stays = handle.cluster.endpoints[0] as Endpoint
    const pool = handle.poolOf(stays)
    stays.consecutiveFailures = 2
    tell(to(b, a))
    assert.equal(handle.cluster.endpoints[1], stays)
    assert.equal(handle.poolOf(stays), pool)
    assert.deepEqual([leases(a), leases(b)], [1, 1])
  })

  test('drains an endpoint that leaves: its connections stay until its last request has ended', () => {
    const { clusters, clock, config, tell, leases } = createBench()
    const handle = clusters.acquire(config()).get('api')
    tell(to(a, b))
    const leaves = handle.cluster.endpoints[0] as Endpoint
    const attempt = handle.cluster.begin(leaves, caller)
    tell(to(b))
    for (let i = 0; i < 4; i++) assert.equal(handle.cluster.pick([], caller)?.url, b)
    clock.advance(60_000)
    assert.equal(leases(a), 1)
    assert.ok(handle.poolOf(leaves))
    attempt.ended('ok')
    clock.advance(1000)
    assert.deepEqual([leases(a), leases(b)], [0, 1])
  })

  test('an endpoint that comes back while it drains keeps its connections', () => {
    const { clusters, clock, config, tell, leases } = createBench()
    const handle = clusters.acquire(config()).get('api')
    tell(to(a, b))
    tell(to(b))
    tell(to(a, b))
    clock.advance(5000)
    assert.equal(leases(a), 1)
    assert.ok(handle.poolOf(handle.cluster.endpoints[0] as Endpoint))
  })

  test('a config that changes nothing about the source takes over what is known', () => {
    const { clusters, config, tell } = createBench()
    const first = clusters.acquire(config())
    tell(to(a, b))
    first.activate()
    const second = clusters.acquire(config({ balancer: 'least-request' })).get('api')
    assert.equal(second.arriving, null)
    assert.equal(second.cluster.endpoints[0], first.get('api').cluster.endpoints[0])
  })

  test('endpoints of another service are never taken for those of this one', () => {
    const { clusters, config, tell } = createBench()
    const first = clusters.acquire(config()).get('api')
    tell(to(a))
    const renamed = { ...shared, service: 'api-v2' }
    const second = clusters.acquire(config({ discovery: renamed })).get('api')
    assert.notEqual(second.arriving, null)
    assert.deepEqual(urlsOf(second), [])
    tell(to(b), 'api', renamed)
    assert.deepEqual([urlsOf(first), urlsOf(second)], [[a], [b]])
  })

  test('every pool is let go with the last config', () => {
    const { clusters, clock, config, tell, leases } = createBench()
    const lease = clusters.acquire(config())
    tell(to(a, b))
    tell(to(b))
    lease.release()
    lease.release()
    clock.advance(10_000)
    tell(to(a))
    assert.deepEqual([leases(a), leases(b)], [0, 0])
  })

  test('says for Host what discovery says', () => {
    const { clusters, config, tell } = createBench()
    const handle = clusters.acquire(config()).get('api')
    tell([{ url: a, weight: 1, host: 'api.internal' }, ...to(b)])
    assert.deepEqual(handle.cluster.endpoints.map(handle.hostOf.bind(handle)), ['api.internal', '10.0.0.2'])
  })
})

describe('an upstream of which each tenant has its own part', () => {
  test('asks for the endpoints of a tenant on its first request, and only gives it those', () => {
    const { clusters, config, tell, reports } = createBench(perTenant)
    const upstream = clusters.acquire(config()).get('api')
    const acme = upstream.of('acme')
    assert.deepEqual(reports, [{ topic: 'upstream-open', upstream: 'api', tenant: 'acme' }])
    assert.equal(upstream.of('acme'), acme)
    const globex = upstream.of('globex')
    tell(to(a), 'api/acme')
    tell(to(b), 'api/globex')
    assert.deepEqual([urlsOf(acme), urlsOf(globex)], [[a], [b]])
    assert.equal(acme.name, 'api')
    assert.equal(reports.length, 2)
  })

  test('has nobody for a request without a tenant', () => {
    const { clusters, config, tell, reports } = createBench(perTenant)
    const upstream = clusters.acquire(config()).get('api')
    tell(to(a), 'api/acme')
    assert.equal(upstream.of(null).cluster.pick([], caller), null)
    assert.equal(upstream.of(null).arriving, null)
    assert.equal(reports.length, 0)
  })

  test('hears of the health of a tenant by the key of its part', () => {
    const { clusters, config, tell } = createBench(perTenant)
    const upstream = clusters.acquire(config()).get('api')
    const [acme, globex] = [upstream.of('acme'), upstream.of('globex')]
    tell(to(a), 'api/acme')
    tell(to(a), 'api/globex')
    clusters.applyHealth([{ upstream: 'api/acme', target: a, healthy: false, ejectedUntilMs: 0 }])
    assert.equal(acme.cluster.pick([], caller), null)
    assert.equal(globex.cluster.pick([], caller)?.url, a)
  })

  test('parts of tenants that stay away are let go, busy ones are not', () => {
    const { clusters, clock, config, tell, reports, leases } = createBench(perTenant)
    const upstream = clusters.acquire(config()).get('api')
    const busy = upstream.of('busy')
    const idle = upstream.of('idle')
    tell(to(a), 'api/busy')
    tell(to(b), 'api/idle')
    busy.cluster.begin(busy.cluster.endpoints[0] as Endpoint, caller)
    clock.advance(3_600_000)
    assert.deepEqual(reports.slice(2), [{ topic: 'upstream-close', upstream: 'api', tenant: 'idle' }])
    assert.deepEqual([leases(a), leases(b)], [1, 0])
    assert.equal(upstream.of('busy'), busy)
    assert.notEqual(upstream.of('idle'), idle)
    assert.deepEqual(reports.at(-1), { topic: 'upstream-open', upstream: 'api', tenant: 'idle' })
  })

  test('a new config goes on with the parts of the old one without asking again', () => {
    const { clusters, config, tell, reports } = createBench(perTenant)
    const first = clusters.acquire(config())
    first.activate()
    const before = first.get('api').of('acme')
    tell(to(a), 'api/acme')
    const second = clusters.acquire(config({ balancer: 'least-request' }))
    const after = second.get('api').of('acme')
    assert.equal(after.arriving, null)
    assert.equal(after.cluster.endpoints[0], before.cluster.endpoints[0])
    assert.equal(reports.length, 1)
  })
})
