// A real Prometheus scrapes what the merge of two workers renders.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createMetricsMerge } from '../../gateway/control/metrics.ts'
import { createWorkerMetrics } from '../../gateway/dataplane/metrics.ts'
import { createRequestMetrics } from '../../plugins/observability/request-metrics.ts'
import { createTenant, createView } from '../support/view.ts'
import { startPrometheus } from './prometheus.ts'

test('Prometheus scrapes the merged text with a token and sees every series', async (t) => {
  const merge = createMetricsMerge()
  const workers = [createWorkerMetrics(), createWorkerMetrics()]
  const hostile = 'a"b\\c\nd{}'
  for (const worker of workers) {
    const count = createRequestMetrics(worker.port, 100)
    for (let i = 0; i < 5; i += 1) count(createView({ tenant: createTenant(hostile), durationMs: 20 }))
  }
  const server = createServer(async (req, res) => {
    if (req.headers.authorization !== 'Bearer viewer-token') return res.writeHead(401).end()
    const dumps = await Promise.all(workers.map(async (one, i) => [i, await one.dump()] as const))
    const { contentType, text } = await merge.merge(new Map(dumps))
    res.writeHead(200, { 'content-type': contentType }).end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const prometheus = await startPrometheus({ target: `127.0.0.1:${port}`, bearerToken: 'viewer-token' })
  t.after(() => prometheus.stop())

  const [requests] = await prometheus.query('aegis_http_requests_total{route="items"}')
  assert.equal(requests?.value, 10)
  assert.equal(requests?.labels.code, '200')
  const [tenant] = await prometheus.query('aegis_tenant_requests_total')
  assert.equal(tenant?.labels.tenant, hostile)
  const [median] = await prometheus.query(
    'histogram_quantile(0.5, aegis_request_duration_seconds_bucket{route="items"})',
  )
  assert.ok(median !== undefined && median.value > 0.01 && median.value <= 0.025)
})
