// A real Prometheus scrapes the running gateway and is asked for what we know of its traffic.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Prometheus, startPrometheus } from '../services/prometheus.ts'
import { type Admin, createAdmin, workersOf } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { parseMetrics, parseTypes } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { killerEntry, killWorker, writeKiller } from '../support/killer.ts'
import { load } from '../support/load.ts'
import { createRandom, type Random, readSeed } from '../support/random.ts'
import { sendRaw } from '../support/raw.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const methods = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PROPFIND',
  'PURGE',
  'LINK',
  'QUERY',
]

/** Everything of section 9 that does not need Redis, Consul or the WAF. */
const promised: Readonly<Record<string, string>> = {
  aegis_http_requests_total: 'counter',
  aegis_request_duration_seconds: 'histogram',
  aegis_gateway_duration_seconds: 'histogram',
  aegis_upstream_duration_seconds: 'histogram',
  aegis_tenant_requests_total: 'counter',
  aegis_ratelimit_decisions_total: 'counter',
  aegis_rbac_cache_total: 'counter',
  aegis_jwt_verifications_total: 'counter',
  aegis_upstream_health: 'gauge',
  aegis_config_version: 'gauge',
  aegis_config_last_reload_success: 'gauge',
  aegis_config_reloads_total: 'counter',
  aegis_connections: 'gauge',
  aegis_worker_in_flight_requests: 'gauge',
  aegis_worker_heap_used_bytes: 'gauge',
  aegis_worker_event_loop_lag_seconds: 'gauge',
  aegis_metric_series_overflow_total: 'counter',
}

describe('metrics', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let prometheus: Prometheus
  let admin: Admin
  let dir: string
  let remove: () => Promise<void>

  before(async () => {
    upstream = await createUpstream((req, res) => {
      if (req.url === '/aegis/authorize') return void res.end('{"allowed":true,"ttl":300}')
      if (req.url === '/slow/x') return void setTimeout(() => res.end('slow'), 30)
      res.writeHead(req.url?.startsWith('/api/broken') ? 503 : 200).end('ok')
    })
    const config = await createConfigDir({ ...createConfig(upstream.url) })
    ;({ dir, remove } = config)
    await writeKiller(dir)
    gateway = await startGateway({ configDir: dir })
    admin = createAdmin(gateway)
    await drive(gateway)
    const target = gateway.adminUrl.slice('http://'.length)
    prometheus = await startPrometheus({ target, bearerToken: gateway.adminToken })
  })
  after(async () => {
    await prometheus?.stop()
    await gateway?.stop()
    await Promise.all([upstream.close(), remove()])
  })

  const known: [string, number][] = [
    ['sum(aegis_http_requests_total{route="api",method="GET",code="200",source="upstream"})', 40],
    ['sum(aegis_http_requests_total{route="api",method="POST",code="200",source="upstream"})', 12],
    ['sum(aegis_http_requests_total{route="api",code="503",source="upstream"})', 3],
    ['sum(aegis_http_requests_total{route="api",code="401",source="gateway"})', 7],
    ['sum(aegis_http_requests_total{route="dead",code="503",source="gateway"})', 4],
    ['sum(aegis_http_requests_total{route="-",code="404",source="gateway"})', 5],
    ['sum(aegis_http_requests_total{route="limited",code="429"})', 15],
    ['sum(aegis_http_requests_total)', 137],
    ['sum(aegis_request_duration_seconds_count)', 137],
    ['sum(aegis_upstream_duration_seconds_count{upstream="api"})', 40 + 12 + 3 + 10 + 21 + 20],
    ['sum(aegis_tenant_requests_total{tenant="acme",code_class="2xx"})', 10 + 12 + 10 + 21 + 20],
    ['sum(aegis_tenant_requests_total{tenant="globex",code_class="2xx"})', 30],
    ['sum(aegis_ratelimit_decisions_total{limit="ten",decision="allowed"})', 10],
    ['sum(aegis_ratelimit_decisions_total{limit="ten",decision="denied"})', 15],
    ['sum(aegis_rbac_cache_total{level="worker"})', 21],
    ['sum(aegis_jwt_verifications_total{result="missing"})', 7],
    ['sum(aegis_jwt_verifications_total{result=~"ok|cached"})', 40 + 12 + 3 + 25 + 21 + 20],
    ['aegis_config_version', 1],
    ['aegis_config_last_reload_success', 1],
    ['aegis_upstream_health{upstream="api"}', 1],
    ['count(aegis_worker_heap_used_bytes > 1e6)', 2],
  ]
  test('Prometheus gives the numbers of the traffic that we sent', async () => {
    for (const [expression, expected] of known) {
      const samples = await prometheus.query(expression)
      assert.deepEqual(
        samples.map(({ value }) => value),
        [expected],
        expression,
      )
    }
  })

  test('durations fall into the right buckets', async () => {
    const quantile = async (metric: string, labels: string) => {
      const expression = `histogram_quantile(0.5, sum by (le) (${metric}_bucket{${labels}}))`
      return (await prometheus.query(expression))[0]?.value as number
    }
    assert.ok((await quantile('aegis_upstream_duration_seconds', 'upstream="api"')) < 0.025)
    assert.ok((await quantile('aegis_request_duration_seconds', 'route="slow"')) > 0.025)
    assert.ok((await quantile('aegis_gateway_duration_seconds', 'route="slow"')) < 0.025)
  })

  test('an unhealthy target, a refused config and open connections show', async () => {
    await prometheus.queryUntil('aegis_upstream_health{upstream="dead"}', ([one]) => one?.value === 0)
    const agent = new Agent({ keepAlive: true, maxSockets: 7 })
    const make = () => ({ path: '/open/x' })
    await load(gateway.port, { connections: 7, requests: 40, make, agent })
    await prometheus.queryUntil('sum(aegis_connections)', ([one]) => one?.value === 7)
    agent.destroy()
    await prometheus.queryUntil('sum(aegis_connections)', ([one]) => one?.value === 0)
    const plugins = JSON.stringify((await admin('GET', '/admin/config')).body.plugins)
    await writeFile(join(dir, 'plugins.json'), plugins.slice(0, 40))
    await prometheus.queryUntil('aegis_config_last_reload_success', ([one]) => one?.value === 0)
    await writeFile(join(dir, 'plugins.json'), plugins)
    await prometheus.queryUntil('aegis_config_last_reload_success', ([one]) => one?.value === 1)
    const [refused] = await prometheus.query('aegis_config_reloads_total{result="refused"}')
    assert.ok((refused?.value ?? 0) >= 1)
  })

  test('promtool finds nothing wrong with the page', async () => {
    const { body: input } = await admin('GET', '/metrics')
    const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    })
    if (error !== undefined) throw error
    assert.deepEqual({ status, said: stdout + stderr }, { status: 0, said: '' })
  })

  test('every promised metric is there, with its type and a series', async () => {
    const text = (await admin('GET', '/metrics')).body as string
    const types = parseTypes(text)
    const names = [...parseMetrics(text).keys()].map((series) => series.split('{')[0] as string)
    for (const [name, type] of Object.entries(promised)) {
      assert.equal(types.get(name), type, name)
      assert.ok(names.includes(type === 'histogram' ? `${name}_count` : name), name)
    }
  })

  test('no client makes a new series', async () => {
    const seed = readSeed()
    const random = createRandom(seed)
    const seriesNow = async () => [...parseMetrics((await admin('GET', '/metrics')).body).keys()]
    await attack(gateway, random)
    const before = new Set(await seriesNow())
    for (let round = 0; round < 2; round++) await attack(gateway, random)
    const added = (await seriesNow()).filter((series) => !before.has(series))
    assert.deepEqual(added, [], `repeat with AEGIS_TEST_SEED=${seed}`)
  })

  test('tenants past the cap are counted together', async () => {
    const text = (await admin('GET', '/metrics')).body as string
    const names = new Set(
      [...text.matchAll(/^aegis_tenant_requests_total\{tenant="([^"]+)"/gm)].map(([, id]) => id),
    )
    assert.ok(names.size <= 5, [...names].join())
    assert.ok(names.has('other') && names.has('acme'))
    const overflow = 'aegis_metric_series_overflow_total{metric="aegis_tenant_requests_total"}'
    assert.ok((parseMetrics(text).get(overflow) ?? 0) > 0)
  })

  test('counters never go backwards while workers die and are replaced under traffic', async () => {
    const countersNow = async () => {
      const text = (await admin('GET', '/metrics')).body as string
      const types = parseTypes(text)
      const isGauge = (series: string) => types.get(series.split('{')[0] as string) === 'gauge'
      return new Map([...parseMetrics(text)].filter(([series]) => !isGauge(series)))
    }
    let before = await countersNow()
    const total = 'sum(aegis_http_requests_total)'
    const [first] = await prometheus.query(total)
    let running = true
    let failed = 0
    let done = 0
    const clients = Array.from({ length: 8 }, async () => {
      while (running) {
        const status = await ask(gateway.port, '/open/x').then(
          (answer) => answer.status,
          () => 0,
        )
        if (status === 200) done += 1
        else failed += 1
      }
    })
    for (let death = 0; death < 3; death++) {
      await killWorker(gateway, admin, '/open/x')
      const now = await countersNow()
      for (const [series, value] of before) assert.ok((now.get(series) ?? -1) >= value, series)
      before = now
    }
    running = false
    await Promise.all(clients)
    // What was in flight in a dying worker is lost, and no more than that.
    assert.ok(failed <= 3 * 8, `${failed} of ${done} failed`)
    assert.deepEqual(
      (await workersOf(admin)).map(({ version }) => version),
      [1, 1],
    )
    for (let i = 0; i < 40; i++) assert.equal((await ask(gateway.port, '/open/x')).status, 200)
    await prometheus.queryUntil(total, ([one]) => (one?.value ?? 0) >= (first?.value ?? 0) + 40)
    const resets = await prometheus.query('max(resets(aegis_http_requests_total[1m]))')
    assert.equal(resets[0]?.value, 0)
  })
})

function createConfig(upstreamUrl: string) {
  const saas = createSaas(upstreamUrl)
  const active = { path: '/health', intervalMs: 200, healthyAfter: 1, unhealthyAfter: 1 }
  const limit = { name: 'ten', algorithm: 'fixed-window', key: ['tenant'], limit: 10, windowMs: 3_600_000 }
  return {
    ...saas,
    routes: {
      ...saas.routes,
      tenants: ['acme', 'globex', 't1', 't2', 't3', 't4'].map((id) => ({ id })),
      upstreams: {
        api: { targets: [{ url: upstreamUrl }], retry: { attempts: 0 }, health: { active } },
        dead: { targets: [{ url: 'http://127.0.0.1:1' }], health: { active } },
      },
      routes: [
        { id: 'api', paths: ['/api/*'], upstream: 'api' },
        { id: 'limited', paths: ['/limited/*'], upstream: 'api' },
        { id: 'items', paths: ['/items/*'], upstream: 'api', permission: { resource: 'items' } },
        { id: 'slow', paths: ['/slow/*'], upstream: 'api' },
        { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
        { id: 'dead', paths: ['/dead/*'], upstream: 'dead', auth: 'none' },
      ],
    },
    plugins: [
      { id: 'request-id', plugin: 'request-id' },
      killerEntry,
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      { id: 'rbac', plugin: 'rbac' },
      { id: 'rate-limit', plugin: 'rate-limit', scope: { routes: ['limited'] }, config: { limits: [limit] } },
      { id: 'observability', plugin: 'observability', config: { tenantSeries: 3 } },
    ],
  }
}

/** The traffic whose numbers are known; 137 requests. */
async function drive(gateway: TestGateway): Promise<void> {
  const acme = { authorization: `Bearer ${await createTestToken()}` }
  const globex = { authorization: `Bearer ${await createTestToken({ tenant_id: 'globex' })}` }
  const send = (count: number, path: string, options: object = {}) =>
    load(gateway.port, { connections: 4, requests: count, make: () => ({ path, ...options }) })
  await send(10, '/api/x', { headers: acme })
  await send(30, '/api/x', { host: 'globex.example.com', headers: globex })
  await send(12, '/api/x', { method: 'POST', body: 'x', headers: acme })
  await send(3, '/api/broken', { headers: acme })
  await send(7, '/api/x')
  await send(5, '/nowhere')
  await send(25, '/limited/x', { headers: acme })
  await send(21, '/items/x', { headers: acme })
  await send(20, '/slow/x', { headers: acme })
  await send(4, '/dead/x')
}

/**
 * What hostile clients vary: methods, hosts, paths, tenants, users, ids, headers, and bytes that are no HTTP. Every round
 * has the same kinds of requests, so that one round meets every series that is meant to be.
 */
async function attack(gateway: TestGateway, random: Random): Promise<void> {
  const word = () => `w${random.int(2 ** 31).toString(36)}`
  const tenantIds = ['acme', 'globex', 't1', 't2', 't4', word()]
  const tokens = await Promise.all(
    tenantIds.map((tenant_id) =>
      createTestToken({ tenant_id, user_id: word(), roles: [word()], jti: word() }),
    ),
  )
  const requests = methods.flatMap((method) =>
    ['api', 'open', 'items', 'limited', word()].flatMap((route) =>
      ['127.0.0.1', `${word()}.example.com`, `${word()}.test`].flatMap((host) =>
        tokens.map((token) => ({ method, path: `/${route}/${word()}?${word()}`, host, token })),
      ),
    ),
  )
  const make = (n: number) => {
    const { token, ...request } = requests[n] as (typeof requests)[number]
    const forged = { 'x-tenant-id': word(), 'x-request-id': word(), [`x-${word()}`]: word() }
    return { ...request, headers: { authorization: `Bearer ${token}`, ...forged } }
  }
  await load(gateway.port, { connections: 16, requests: requests.length, make })
  const lines = [`${word().toUpperCase()} / HTTP/1.1`, `GET /${word()} HTTP/9.9`, `TRACE /${word()} HTTP/1.1`]
  for (const line of lines) await sendRaw(gateway.port, `${line}\r\nHost: ${word()}.example.com\r\n\r\n`, 100)
}
