import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogView } from '../../../gateway/contract/exchange.ts'
import type { FamilyDump } from '../../../gateway/contract/metrics-dump.ts'
import { createWorkerMetrics } from '../../../gateway/dataplane/metrics.ts'
import { createRequestMetrics } from '../../../plugins/observability/request-metrics.ts'
import { createRoute, createTenant, createView, type TestView } from '../../support/view.ts'

function setUp(tenantSeries = 100) {
  const metrics = createWorkerMetrics()
  const count = createRequestMetrics(metrics.port, tenantSeries)
  return {
    count: (over: Partial<Omit<TestView, 'route'>> & { route?: LogView['route'] } = {}) => {
      count(createView(over as Partial<TestView>))
    },
    /** Without the histograms that are there from the start and hold nothing. */
    async seriesOf(name: string) {
      const families: readonly FamilyDump[] = (await metrics.dump()).families
      const series = families.find((one) => one.name === name)?.series ?? []
      return series.filter((one) => 'value' in one || one.counts.some((count) => count > 0))
    },
  }
}

test('counts a request under its route, method, status and source', async () => {
  const { count, seriesOf } = setUp()
  count({ method: 'POST', status: 201 })
  count({ method: 'POST', status: 201 })
  count({ method: 'POST', status: 401, responseSource: 'gateway' })
  count({ method: 'GET', status: 201 })
  assert.deepEqual(await seriesOf('aegis_http_requests_total'), [
    { labels: ['items', 'POST', '201', 'upstream'], value: 2 },
    { labels: ['items', 'POST', '401', 'gateway'], value: 1 },
    { labels: ['items', 'GET', '201', 'upstream'], value: 1 },
  ])
})

test('no combination of status, source and method shares a series with another', async () => {
  const { count, seriesOf } = setUp()
  let combinations = 0
  for (let status = 100; status <= 999; status += 1) {
    for (const responseSource of ['gateway', 'upstream'] as const) {
      for (const method of ['GET', 'TRACE', 'BREW']) {
        count({ status, responseSource, method })
        combinations += 1
      }
    }
  }
  const series = await seriesOf('aegis_http_requests_total')
  assert.equal(series.length, combinations)
  assert.ok(series.every((one) => 'value' in one && one.value === 1))
})

test('no client can make a series: unknown methods and paths without route share one', async () => {
  const { count, seriesOf } = setUp()
  for (let i = 0; i < 500; i += 1) {
    count({
      method: `M${i}`,
      path: `/p${i}`,
      host: `h${i}`,
      route: null,
      status: 404,
      responseSource: 'gateway',
    })
  }
  assert.deepEqual(await seriesOf('aegis_http_requests_total'), [
    { labels: ['-', 'OTHER', '404', 'gateway'], value: 500 },
  ])
  assert.equal((await seriesOf('aegis_request_duration_seconds')).length, 1)
  assert.equal((await seriesOf('aegis_tenant_requests_total')).length, 1)
})

test('the same route of two config versions is one series', async () => {
  const { count, seriesOf } = setUp()
  count({ route: createRoute({ id: 'r' }) })
  count({ route: createRoute({ id: 'r' }) })
  assert.deepEqual(await seriesOf('aegis_http_requests_total'), [
    { labels: ['r', 'GET', '200', 'upstream'], value: 2 },
  ])
})

test('splits the duration into the share of the upstream and that of the gateway', async () => {
  const { count, seriesOf } = setUp()
  count({ durationMs: 120, upstreamMs: 100, upstream: 'api', attempts: 1 })
  const sums = async (name: string) =>
    (await seriesOf(name)).map((one) => ('sum' in one ? [one.labels, Number(one.sum.toFixed(6))] : []))
  assert.deepEqual(await sums('aegis_request_duration_seconds'), [[['items'], 0.12]])
  assert.deepEqual(await sums('aegis_upstream_duration_seconds'), [[['api'], 0.1]])
  assert.deepEqual(await sums('aegis_gateway_duration_seconds'), [[['items'], 0.02]])
})

test('an upstream that was not asked has no duration, and a tunnel is no slow answer', async () => {
  const { count, seriesOf } = setUp()
  count({ status: 429, responseSource: 'gateway', durationMs: 1 })
  count({ status: 101, durationMs: 3_600_000, upstreamMs: 5, upstream: 'api', attempts: 1 })
  const counted = (await seriesOf('aegis_request_duration_seconds')).map((one) =>
    'counts' in one ? one.counts.reduce((sum, n) => sum + n, 0) : -1,
  )
  assert.deepEqual(counted, [1])
  assert.equal((await seriesOf('aegis_upstream_duration_seconds')).length, 1)
})

test('counts a tenant by the fact, never by the host that the client named', async () => {
  const { count, seriesOf } = setUp()
  count({ tenant: createTenant('acme'), status: 204 })
  count({ hostTenant: createTenant('victim'), tenant: null, status: 401, responseSource: 'gateway' })
  assert.deepEqual(await seriesOf('aegis_tenant_requests_total'), [
    { labels: ['acme', '2xx'], value: 1 },
    { labels: ['-', '4xx'], value: 1 },
  ])
})

test('ten thousand tenants make a bounded number of series and lose no count', async () => {
  const { count, seriesOf } = setUp(10)
  for (let i = 0; i < 10_000; i += 1) count({ tenant: createTenant(`t${i}`) })
  const series = await seriesOf('aegis_tenant_requests_total')
  assert.ok(series.length <= 10 * 4 + 1, `${series.length} series`)
  assert.equal(
    series.reduce((sum, one) => sum + ('value' in one ? one.value : 0), 0),
    10_000,
  )
})
