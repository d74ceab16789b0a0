// Rate limits counted from outside: two workers, many connections at once, the real process.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { type Admin, createAdmin, workersOf } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { killerEntry, killWorker, writeKiller } from '../support/killer.ts'
import { countStatuses, load } from '../support/load.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

/** Long enough that nothing comes free while a test runs: a unit of 100 takes 36 s. */
const hourMs = 3_600_000
const perTenant = { key: ['tenant'], windowMs: hourMs }

/** One limiter for each route of this name. */
const limiters: Readonly<Record<string, object>> = {
  'fixed-window': { limits: [{ ...perTenant, name: 'fixed', algorithm: 'fixed-window', limit: 100 }] },
  'sliding-window': { limits: [{ ...perTenant, name: 'sliding', algorithm: 'sliding-window', limit: 100 }] },
  'token-bucket': {
    limits: [{ ...perTenant, name: 'token', algorithm: 'token-bucket', limit: 100, burst: 100 }],
  },
  'token-bucket-burst': {
    limits: [{ ...perTenant, name: 'token-burst', algorithm: 'token-bucket', limit: 100, burst: 25 }],
  },
  'leaky-bucket': { limits: [{ ...perTenant, name: 'leaky', algorithm: 'leaky-bucket', limit: 100 }] },
  // One every 40 ms.
  shaper: {
    limits: [
      {
        ...{ name: 'shaper', key: ['tenant'], algorithm: 'leaky-bucket', shape: true },
        ...{ limit: 25, windowMs: 1_000, burst: 30 },
      },
    ],
  },
  // One every 500 ms.
  'short-queue': {
    limits: [
      {
        ...{ name: 'short-queue', key: ['tenant'], algorithm: 'leaky-bucket', shape: true },
        ...{ limit: 2, windowMs: 1_000, burst: 4 },
      },
    ],
  },
  several: {
    limits: [
      { ...perTenant, name: 'several-tenant', algorithm: 'token-bucket', limit: 12 },
      { ...perTenant, name: 'several-user', key: ['user'], algorithm: 'sliding-window', limit: 5 },
    ],
    headers: { legacy: true },
  },
  numbers: {
    limits: [
      {
        ...{ ...perTenant, name: 'numbers', algorithm: 'fixed-window', limit: 4 },
        ...{ plans: { pro: { limit: 8 }, free: { limit: 6 } }, tenants: { special: { limit: 12 } } },
      },
    ],
  },
  claimed: {
    limits: [
      {
        ...{ ...perTenant, name: 'claimed', key: ['user'], algorithm: 'fixed-window' },
        limit: 4,
        claim: 'rph',
      },
    ],
  },
  costly: { limits: [{ ...perTenant, name: 'costly', algorithm: 'sliding-window', limit: 10, cost: 3 }] },
  trial: { limits: [{ ...perTenant, name: 'trial', algorithm: 'fixed-window', limit: 10 }], dryRun: true },
  lasting: { limits: [{ ...perTenant, name: 'lasting', algorithm: 'sliding-window', limit: 30 }] },
  reset: { limits: [{ ...perTenant, name: 'reset', algorithm: 'leaky-bucket', limit: 20 }] },
  quick: {
    limits: ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'].map((algorithm) => {
      return { name: `quick-${algorithm}`, key: ['user'], windowMs: 1_000, algorithm, limit: 3 }
    }),
  },
}

describe('rate limits over two workers', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let admin: Admin
  let remove: () => Promise<void>
  const arrivals = new Map<string, number[]>()
  const tokens = new Map<string, string>()

  before(async () => {
    upstream = await createUpstream((req, res) => {
      const route = req.url?.split('/')[1] ?? ''
      arrivals.set(route, [...(arrivals.get(route) ?? []), performance.now()])
      res.end('ok')
    })
    const saas = createSaas(upstream.url, { plugins: pluginsOf(limiters) })
    const routes = {
      ...saas.routes,
      tenants: [
        { id: 'acme', plan: 'pro' },
        { id: 'globex', plan: 'free' },
        { id: 'initech' },
        { id: 'special', plan: 'pro' },
      ],
      routes: [
        { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
        ...Object.keys(limiters).map((id) => ({ id, paths: [`/${id}/*`], upstream: 'api' })),
      ],
    }
    const config = await createConfigDir({ ...saas, routes })
    await writeKiller(config.dir)
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir })
    admin = createAdmin(gateway)
    for (const tenant of ['acme', 'globex', 'initech', 'special']) {
      tokens.set(tenant, await createTestToken({ tenant_id: tenant }))
    }
  })
  after(async () => {
    await gateway?.stop()
    await Promise.all([upstream.close(), remove()])
  })

  const toRequest = (route: string, tenant: string, token = tokens.get(tenant)) => ({
    path: `/${route}/x`,
    host: `${tenant}.example.com`,
    headers: { authorization: `Bearer ${token}` },
  })
  const hammer = (route: string, tenant: string, requests: number, connections = 60): Promise<Answer[]> =>
    load(gateway.port, { connections, requests, make: () => toRequest(route, tenant) })
  const inspect = async (key: string) =>
    (await admin('GET', `/admin/rate-limits?key=${encodeURIComponent(key)}`)).body.data[0]

  const exact: [string, number][] = [
    ['fixed-window', 100],
    ['sliding-window', 100],
    ['token-bucket', 100],
    ['token-bucket-burst', 25],
    ['leaky-bucket', 100],
  ]
  for (const [route, limit] of exact) {
    test(`${route} lets exactly ${limit} of 400 requests on 60 connections through`, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 60 })
      const make = () => toRequest(route, 'acme')
      const answers = await load(gateway.port, { connections: 60, requests: 400, make, agent })
      assert.deepEqual(countStatuses(answers), { 200: limit, 429: 400 - limit })
      assert.equal(arrivals.get(route)?.length, limit)
      const workers = await workersOf(admin)
      agent.destroy()
      assert.equal(workers.length, 2)
      for (const { connections } of workers) assert.ok(connections >= 5, JSON.stringify(workers))
      // Every place was given out once, whichever worker gave it.
      const places = answers.filter(({ status }) => status === 200).map(remainingIn)
      assert.deepEqual(
        places.sort((a, b) => a - b),
        Array.from({ length: limit }, (_, i) => i),
      )
    })
  }

  test('a shaper lets all that its queue holds through, each in its turn', async () => {
    const startedAt = performance.now()
    assert.deepEqual(countStatuses(await hammer('shaper', 'acme', 30, 30)), { 200: 30 })
    const times = (arrivals.get('shaper') as number[]).map((at) => at - startedAt)
    // The first one goes at once, and none leaves before its turn; timers count whole milliseconds.
    for (const [i, at] of times.entries()) assert.ok(at >= i * 40 - 1, `${i}: ${at}`)
    assert.ok((times[29] as number) < 29 * 40 + 3_000)
  })

  test('a shaper refuses what finds its queue full', async () => {
    const startedAt = performance.now()
    const done: number[] = []
    const answers = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { path, ...options } = toRequest('short-queue', 'acme')
        const answer = await ask(gateway.port, path, options)
        if (answer.status === 429) done.push(performance.now() - startedAt)
        return answer
      }),
    )
    const passed = countStatuses(answers)[200] as number
    // While the sixty arrived, some places may have come free again, the last one after the last refusal.
    const most = 5 + Math.floor(Math.max(...done) / 500)
    assert.ok(passed >= 4 && passed <= most, `${passed} of at most ${most}`)
    for (const answer of answers.filter(({ status }) => status === 429)) checkRefusal(answer, 'short-queue')
  })

  test('several limits are taken all or none, and the tightest decides', async () => {
    const users = await Promise.all(['a', 'b', 'c'].map((user_id) => createTestToken({ user_id })))
    const one = () => toRequest('several', 'acme', users[0])
    const first = await load(gateway.port, { connections: 20, requests: 60, make: one })
    assert.deepEqual(countStatuses(first), { 200: 5, 429: 55 })
    assert.equal((await inspect('several-tenant|tenant=acme')).remaining, 7)
    const both = (n: number) => toRequest('several', 'acme', users[1 + (n % 2)])
    const others = await load(gateway.port, { connections: 40, requests: 120, make: both })
    assert.deepEqual(countStatuses(others), { 200: 7, 429: 113 })
    assert.equal((await inspect('several-tenant|tenant=acme')).remaining, 0)
    const left = await Promise.all(['b', 'c'].map((user) => inspect(`several-user|tenant=acme|user=${user}`)))
    assert.equal(left[0].remaining + left[1].remaining, 3)
    // A refusal by the tenant's limit costs the user nothing.
    const fourth = await createTestToken({ user_id: 'd' })
    const { path, ...options } = toRequest('several', 'acme', fourth)
    const refused = await ask(gateway.port, path, options)
    checkRefusal(refused, 'several-tenant')
    assert.match(String(refused.headers.ratelimit), /^"several-tenant";r=0;t=\d+, "several-user";r=5;t=0$/)
    assert.equal(refused.headers['x-ratelimit-limit'], '12')
    assert.equal((await inspect('several-user|tenant=acme|user=d')).remaining, 5)
  })

  test('plans and tenants have numbers of their own, at the same time', async () => {
    const tenants = ['acme', 'globex', 'initech', 'special'] as const
    const make = (n: number) => toRequest('numbers', tenants[n % 4] as string)
    const answers = await load(gateway.port, { connections: 60, requests: 240, make })
    const passed = tenants.map(
      (_, i) => answers.filter(({ status }, n) => n % 4 === i && status === 200).length,
    )
    assert.deepEqual(passed, [8, 6, 4, 12])
    const policies = tenants.map((_, i) => answers[i]?.headers['ratelimit-policy'])
    assert.deepEqual(
      policies,
      ['8', '6', '4', '12'].map((q) => `"numbers";q=${q};w=3600`),
    )
  })

  test('the admin API shows a counter under the numbers of its tenant', async () => {
    const tenants = ['acme', 'globex', 'initech', 'special']
    const shown = await Promise.all(tenants.map((id) => inspect(`numbers|tenant=${id}`)))
    assert.deepEqual(
      shown.map(({ limit, remaining }) => [limit, remaining]),
      [
        [8, 0],
        [6, 0],
        [4, 0],
        [12, 0],
      ],
    )
  })

  test('a claim of the token sets the number of its user', async () => {
    const seven = await createTestToken({ user_id: 'seven', rph: 7 })
    const none = await createTestToken({ user_id: 'none', rph: 0 })
    const make = (n: number) => toRequest('claimed', 'acme', n % 2 === 0 ? seven : none)
    const answers = await load(gateway.port, { connections: 20, requests: 40, make })
    assert.equal(answers.filter(({ status }, n) => n % 2 === 0 && status === 200).length, 7)
    assert.equal(answers.filter(({ status }, n) => n % 2 === 1 && status === 200).length, 0)
  })

  test('a cost above one takes that many units', async () => {
    assert.deepEqual(countStatuses(await hammer('costly', 'acme', 40, 20)), { 200: 3, 429: 37 })
  })

  test('a dry run refuses nobody, shows nothing, and counts what it would have refused', async () => {
    const answers = await hammer('trial', 'acme', 50)
    assert.deepEqual(countStatuses(answers), { 200: 50 })
    assert.ok(answers.every(({ headers }) => headers.ratelimit === undefined))
    const metrics = (await admin('GET', '/metrics')).body as string
    assert.match(metrics, /aegis_ratelimit_decisions_total\{limit="trial",decision="allowed"\} 10\n/)
    assert.match(metrics, /aegis_ratelimit_decisions_total\{limit="trial",decision="dry_run_denied"\} 40\n/)
  })

  test('what passes and what is refused says where the limit stands', async () => {
    const [answer] = await hammer('fixed-window', 'globex', 1)
    assert.equal(answer?.status, 200)
    assert.equal(answer?.headers['ratelimit-policy'], '"fixed";q=100;w=3600')
    assert.equal(answer?.headers.ratelimit, '"fixed";r=99;t=3600')
    assert.equal(answer?.headers['retry-after'], undefined)
    const refused = (await hammer('fixed-window', 'acme', 1))[0] as Answer
    checkRefusal(refused, 'fixed')
    assert.equal(refused.headers['ratelimit-policy'], '"fixed";q=100;w=3600')
  })

  test('Retry-After is honest for every algorithm', async () => {
    const answers = await hammer('quick', 'acme', 8, 8)
    assert.deepEqual(countStatuses(answers), { 200: 3, 429: 5 })
    const waits = answers.flatMap(({ headers }) => headers['retry-after'] ?? [])
    assert.deepEqual(new Set(waits), new Set(['1']))
    const refusedAt = performance.now()
    await waitUntil(async () => performance.now() - refusedAt > 1_000)
    assert.equal((await hammer('quick', 'acme', 1))[0]?.status, 200)
  })

  test('counters outlive a reload, a changed limit and the death of a worker', async () => {
    assert.deepEqual(countStatuses(await hammer('lasting', 'acme', 20)), { 200: 20 })
    const change = { headers: { legacy: true, rateLimit: true } }
    assert.equal((await admin('PATCH', '/admin/plugins/lasting', { body: { config: change } })).status, 200)
    assert.equal((await inspect('lasting|tenant=acme')).remaining, 10)
    const [limit] = (limiters.lasting as { limits: object[] }).limits
    const raised = { config: { limits: [{ ...limit, limit: 40 }] } }
    assert.equal((await admin('PATCH', '/admin/plugins/lasting', { body: raised })).status, 200)
    await killWorker(gateway, admin, '/open/x')
    assert.equal((await inspect('lasting|tenant=acme')).remaining, 20)
    assert.deepEqual(countStatuses(await hammer('lasting', 'acme', 120)), { 200: 20, 429: 100 })
  })

  test('the admin API reads a counter and frees it', async () => {
    const path = `/admin/rate-limits?key=${encodeURIComponent('reset|tenant=acme')}`
    assert.deepEqual(countStatuses(await hammer('reset', 'acme', 60)), { 200: 20, 429: 40 })
    const before = (await admin('GET', path)).body.data
    assert.equal(before.length, 1)
    assert.equal(before[0].instance, 'reset')
    assert.equal(before[0].remaining, 0)
    assert.equal(before[0].allowed, false)
    assert.equal((await admin('DELETE', `${path}&dry_run=true`)).body.dry_run, true)
    assert.equal((await hammer('reset', 'acme', 1))[0]?.status, 429)
    const freed = await admin('DELETE', path)
    assert.deepEqual([freed.status, freed.body.reset], [200, true])
    assert.deepEqual(countStatuses(await hammer('reset', 'acme', 60)), { 200: 20, 429: 40 })
    const unknown = await admin('GET', `/admin/rate-limits?key=${encodeURIComponent('nosuch|tenant=acme')}`)
    assert.equal(unknown.status, 404)
    const forms = (await admin('GET', '/admin/rate-limits')).body.data as { name: string; key: string }[]
    assert.equal(forms.find(({ name }) => name === 'several-user')?.key, 'several-user|tenant=...|user=...')
  })
})

function pluginsOf(configs: Readonly<Record<string, object>>): object[] {
  return [
    { id: 'request-id', plugin: 'request-id' },
    jwtEntry,
    { id: 'tenant', plugin: 'tenant' },
    killerEntry,
    ...Object.entries(configs).map(([id, config]) => {
      return { id, plugin: 'rate-limit', scope: { routes: [id] }, config }
    }),
    { id: 'observability', plugin: 'observability' },
  ]
}

function remainingIn({ headers }: Answer): number {
  return Number(/;r=(\d+)/.exec(String(headers.ratelimit))?.[1] ?? -1)
}

function checkRefusal({ status, headers, json }: Answer, limit: string): void {
  assert.equal(status, 429)
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(json().code, 'AEGIS_RATE_LIMITED')
  const wait = Number(headers['retry-after'])
  assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 3_600, `Retry-After: ${wait}`)
  const fields = new RegExp(`"${limit}";r=(\\d+);t=(\\d+)`).exec(String(headers.ratelimit))
  assert.deepEqual(fields?.slice(1), ['0', String(wait)])
}
