// What the admin API changes is felt by the next request in every worker, and stands in the files.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bearer, type LiveSaas, startLiveSaas } from '../support/live.ts'
import { createUpstream } from '../support/upstream.ts'

describe('the chain, live', () => {
  let saas: LiveSaas
  before(async () => {
    saas = await startLiveSaas()
  })
  after(() => saas?.close())

  const withId = async () => {
    const answers = await saas.everywhere('/open/x')
    return new Set(answers.map(({ headers }) => headers['x-request-id'] !== undefined))
  }

  test('a plugin is disabled and enabled again', async () => {
    assert.deepEqual(await withId(), new Set([true]))
    const before = await saas.version()
    const disabled = await saas.admin('POST', '/admin/plugins/request-id/disable')
    assert.equal(disabled.status, 200)
    assert.equal(disabled.body.enabled, false)
    assert.deepEqual(await withId(), new Set([false]))
    assert.equal((await saas.readJson('plugins.json')).plugins[0].enabled, false)
    assert.equal((await saas.admin('POST', '/admin/plugins/request-id/enable')).status, 200)
    assert.deepEqual(await withId(), new Set([true]))
    assert.equal(await saas.version(), before + 2)
  })

  test('a plugin that routes rely on cannot be disabled', async () => {
    const { status, body } = await saas.admin('POST', '/admin/plugins/jwt/disable')
    assert.equal(status, 422)
    assert.match(JSON.stringify(body.errors), /auth/)
    assert.equal(await saas.statusEverywhere('/api/x'), 401)
  })

  test('the order of the chain changes what a refused page may read', async () => {
    const origin = { headers: { origin: 'https://app.example.com' } }
    const readable = async () => {
      const answers = await saas.everywhere('/open/x', origin)
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([403]))
      return new Set(answers.map(({ headers }) => headers['access-control-allow-origin']))
    }
    const deny = { body: { config: { deny: ['127.0.0.1', '::1'] } } }
    assert.equal((await saas.admin('PATCH', '/admin/plugins/ip-restriction', deny)).status, 200)
    assert.deepEqual(await readable(), new Set([undefined]))
    const { order } = (await saas.admin('GET', '/admin/plugins/order')).body as { order: string[] }
    const swapped = ['request-id', 'cors', 'ip-restriction', ...order.slice(3)]
    const put = await saas.admin('PUT', '/admin/plugins/order', { body: { order: swapped } })
    assert.deepEqual(put.body, { order: swapped })
    assert.deepEqual(await readable(), new Set(['*']))
    const stored = (await saas.readJson('plugins.json')).plugins.map(({ id }: { id: string }) => id)
    assert.deepEqual(stored, swapped)
    const undo = { body: { config: { deny: [] } } }
    assert.equal((await saas.admin('PATCH', '/admin/plugins/ip-restriction', undo)).status, 200)
    assert.equal(await saas.statusEverywhere('/open/x', origin), 200)
  })

  test('an order in which a plugin misses what it needs is refused', async () => {
    const { order } = (await saas.admin('GET', '/admin/plugins/order')).body as { order: string[] }
    const wrong = ['rbac', ...order.filter((id) => id !== 'rbac')]
    const { status, body } = await saas.admin('PUT', '/admin/plugins/order', { body: { order: wrong } })
    assert.equal(status, 422)
    assert.ok(
      body.errors.every(({ file, pointer }: Record<string, string>) => file === 'plugins.json' && pointer),
    )
    assert.deepEqual((await saas.admin('GET', '/admin/plugins/order')).body.order, order)
  })

  test('a plugin is configured anew, by PATCH and by PUT', async () => {
    const headers = await bearer()
    const policies = async () =>
      new Set(
        (await saas.everywhere('/api/x', { headers })).map((answer) => answer.headers['ratelimit-policy']),
      )
    assert.deepEqual(await policies(), new Set(['"quota";q=100000;w=60']))
    const limit = { name: 'quota', algorithm: 'fixed-window', key: ['tenant'], limit: 777 }
    const patch = { config: { limits: [limit] } }
    assert.equal((await saas.admin('PATCH', '/admin/plugins/rate-limit', { body: patch })).status, 200)
    assert.deepEqual(await policies(), new Set(['"quota";q=777;w=60']))
    const whole = { plugin: 'rate-limit', config: { limits: [{ ...limit, windowMs: 120_000 }] } }
    assert.equal((await saas.admin('PUT', '/admin/plugins/rate-limit', { body: whole })).status, 200)
    assert.deepEqual(await policies(), new Set(['"quota";q=777;w=120']))
  })

  test('a plugin for one tenant is put before the general one, and taken out again', async () => {
    const entry = {
      ...{ id: 'acme-only', plugin: 'ip-restriction', scope: { tenants: ['acme'] } },
      config: { deny: ['0.0.0.0/0', '::/0'] },
    }
    const made = await saas.admin('POST', '/admin/plugins?before=ip-restriction', { body: entry })
    assert.equal(made.status, 201)
    assert.equal(made.headers.get('location'), '/admin/plugins/acme-only')
    assert.equal(await saas.statusEverywhere('/open/x'), 403)
    assert.equal(await saas.statusEverywhere('/open/x', { host: 'globex.example.com' }), 200)
    assert.equal((await saas.admin('DELETE', '/admin/plugins/acme-only')).status, 200)
    assert.equal(await saas.statusEverywhere('/open/x'), 200)
  })

  test('the placeholder stays in the file, in the answers and in the history, and the secret nowhere', async () => {
    const patch = { config: { clockToleranceSeconds: 7 } }
    assert.equal((await saas.admin('PATCH', '/admin/plugins/jwt', { body: patch })).status, 200)
    assert.equal(await saas.statusEverywhere('/api/x', { headers: await bearer() }), 200)
    const text = await saas.readText('plugins.json')
    assert.match(text, /"\$\{JWT_SECRET\}"/)
    assert.match(text, /"clockToleranceSeconds": 7/)
    const shown = JSON.stringify((await saas.admin('GET', '/admin/config')).body)
    const kept = JSON.stringify(
      (await saas.admin('GET', `/admin/config/versions/${await saas.version()}`)).body,
    )
    for (const one of [text, shown, kept]) assert.doesNotMatch(one, /a-secret-of-the-tests/)
    for (const one of [shown, kept]) assert.match(one, /\$\{JWT_SECRET\}/)
  })
})

describe('routes, tenants and upstreams, live', () => {
  let saas: LiveSaas
  before(async () => {
    saas = await startLiveSaas()
  })
  after(() => saas?.close())

  test('a route is created, replaced, changed and deleted', async () => {
    assert.equal(await saas.statusEverywhere('/new/x'), 404)
    const route = { id: 'new', paths: ['/new/*'], upstream: 'api', auth: 'none' }
    assert.equal((await saas.admin('POST', '/admin/routes', { body: route })).status, 201)
    assert.equal(await saas.statusEverywhere('/new/x'), 200)
    assert.equal((await saas.admin('POST', '/admin/routes', { body: route })).status, 409)
    const moved = { ...route, paths: ['/newer/*'] }
    assert.equal((await saas.admin('PUT', '/admin/routes/new', { body: moved })).status, 200)
    assert.equal(await saas.statusEverywhere('/new/x'), 404)
    assert.equal(await saas.statusEverywhere('/newer/x'), 200)
    const patch = { auth: 'required', rewrite: { stripPrefix: '/newer' } }
    assert.equal((await saas.admin('PATCH', '/admin/routes/new', { body: patch })).status, 200)
    assert.equal(await saas.statusEverywhere('/newer/x'), 401)
    const answers = await saas.everywhere('/newer/x', { headers: await bearer() })
    assert.deepEqual(new Set(answers.map((answer) => answer.json().url)), new Set(['/x']))
    assert.deepEqual((await saas.readJson('routes.json')).routes.at(-1), { ...moved, ...patch })
    assert.equal((await saas.admin('DELETE', '/admin/routes/new')).status, 200)
    assert.equal(await saas.statusEverywhere('/newer/x'), 404)
    assert.equal((await saas.admin('GET', '/admin/routes/new')).status, 404)
    await saas.version()
  })

  test('a tenant is created, suspended, given a host, and deleted', async () => {
    const headers = await bearer({ tenant_id: 'fresh' })
    const on = (host: string) => saas.statusEverywhere('/api/x', { host, headers })
    assert.equal(await on('fresh.example.com'), 404)
    assert.equal(
      (await saas.admin('POST', '/admin/tenants', { body: { id: 'fresh', plan: 'pro' } })).status,
      201,
    )
    assert.equal(await on('fresh.example.com'), 200)
    assert.equal((await saas.admin('POST', '/admin/tenants/fresh/suspend')).body.status, 'suspended')
    assert.equal(await on('fresh.example.com'), 403)
    assert.equal((await saas.admin('POST', '/admin/tenants/fresh/activate')).status, 200)
    assert.equal(await on('fresh.example.com'), 200)
    const patch = { hosts: ['fresh.test'] }
    assert.equal((await saas.admin('PATCH', '/admin/tenants/fresh', { body: patch })).status, 200)
    assert.equal(await on('fresh.test'), 200)
    const acme = await bearer()
    assert.equal(await saas.statusEverywhere('/api/x', { host: 'fresh.test', headers: acme }), 403)
    const taken = await saas.admin('PATCH', '/admin/tenants/acme', { body: patch })
    assert.equal(taken.status, 422)
    assert.equal((await saas.admin('DELETE', '/admin/tenants/fresh')).status, 200)
    assert.equal(await on('fresh.example.com'), 404)
  })

  test('an upstream is created, moved while it is used, and deleted when nothing uses it', async () => {
    const first = await createUpstream((_, res) => void res.end('first'))
    const second = await createUpstream((_, res) => void res.end('second'))
    const texts = async () => new Set((await saas.everywhere('/far/x')).map(({ text }) => text))
    const target = (url: string) => ({ targets: [{ url }] })
    const made = await saas.admin('POST', '/admin/upstreams', { body: { name: 'far', ...target(first.url) } })
    assert.equal(made.status, 201)
    const route = { paths: ['/far/*'], upstream: 'far', auth: 'none' }
    assert.equal((await saas.admin('PUT', '/admin/routes/far', { body: route })).status, 201)
    assert.deepEqual(await texts(), new Set(['first']))
    assert.equal((await saas.admin('PUT', '/admin/upstreams/far', { body: target(second.url) })).status, 200)
    assert.deepEqual(await texts(), new Set(['second']))
    const { endpoints } = (await saas.admin('GET', '/admin/upstreams/far')).body
    assert.deepEqual(endpoints, [{ target: second.url, healthy: true, ejectedForMs: 0 }])
    const used = await saas.admin('DELETE', '/admin/upstreams/far')
    assert.equal(used.status, 422)
    assert.equal(used.body.errors[0].file, 'routes.json')
    assert.deepEqual(await texts(), new Set(['second']))
    assert.equal((await saas.admin('DELETE', '/admin/routes/far')).status, 200)
    assert.equal((await saas.admin('DELETE', '/admin/upstreams/far')).status, 200)
    assert.equal((await saas.readJson('routes.json')).upstreams.far, undefined)
    await Promise.all([first.close(), second.close()])
  })

  test('an earlier version is rolled back to, under a new number', async () => {
    const before = await saas.version()
    const patch = { paths: ['/moved/*'] }
    assert.equal((await saas.admin('PATCH', '/admin/routes/open', { body: patch })).status, 200)
    assert.equal(await saas.statusEverywhere('/open/x'), 404)
    const back = await saas.admin('POST', `/admin/config/rollback/${before}`)
    assert.equal(back.body.version, before + 2)
    assert.equal(await saas.statusEverywhere('/open/x'), 200)
    assert.equal(await saas.statusEverywhere('/moved/x'), 404)
    assert.equal(await saas.version(), before + 2)
    const { data } = (await saas.admin('GET', '/admin/config/versions?size=2')).body
    assert.deepEqual(
      data.map(({ number, live }: { number: number; live: boolean }) => [number, live]),
      [
        [before + 2, true],
        [before + 1, false],
      ],
    )
  })
})

describe('revocations and cached decisions, in every worker', () => {
  let saas: LiveSaas
  let authorized = 0
  let mayRead = true
  before(async () => {
    const upstream = await createUpstream((req, res) => {
      if (req.url !== '/aegis/authorize') return void res.end('ok')
      authorized += 1
      res.end(JSON.stringify({ allowed: mayRead, ttl: 300 }))
    })
    saas = await startLiveSaas(upstream)
  })
  after(() => saas?.close())

  const issuedAt = Math.floor(Date.now() / 1000) - 10
  const kinds: [string, object, Record<string, unknown>, Record<string, unknown>][] = [
    ['token', { kind: 'token', subject: 'jti-1' }, { jti: 'jti-1' }, { jti: 'jti-2' }],
    ['session', { kind: 'session', subject: 's-1', tenantId: 'acme' }, { sid: 's-1' }, { sid: 's-2' }],
    ['user', { kind: 'user', subject: 'bob', tenantId: 'acme' }, { user_id: 'bob' }, { user_id: 'eve' }],
  ]
  for (const [kind, entry, struck, spared] of kinds) {
    test(`a revoked ${kind} is refused at once, and only that, until it is taken back`, async () => {
      const headers = await bearer({ iat: issuedAt, ...struck })
      const others = await bearer({ iat: issuedAt, ...spared })
      // Every worker has it in its cache of verified tokens.
      assert.equal(await saas.statusEverywhere('/api/x', { headers }), 200)
      const made = await saas.admin('POST', '/admin/revocations', { body: entry })
      assert.equal(made.status, 201)
      assert.equal(await saas.statusEverywhere('/api/x', { headers }), 401)
      assert.equal(await saas.statusEverywhere('/api/x', { headers: others }), 200)
      const path = made.headers.get('location') as string
      assert.equal((await saas.admin('GET', path)).body.kind, kind)
      assert.equal((await saas.admin('DELETE', path)).status, 200)
      assert.equal(await saas.statusEverywhere('/api/x', { headers }), 200)
    })
  }

  test('a user of one tenant is revoked without their namesake in another', async () => {
    const entry = { kind: 'user', subject: 'ada', tenantId: 'acme' }
    const namesake = await bearer({ iat: issuedAt, tenant_id: 'globex' })
    assert.equal((await saas.admin('POST', '/admin/revocations', { body: entry })).status, 201)
    assert.equal(await saas.statusEverywhere('/api/x', { headers: await bearer({ iat: issuedAt }) }), 401)
    const host = 'globex.example.com'
    assert.equal(await saas.statusEverywhere('/api/x', { host, headers: namesake }), 200)
    const later = await bearer({ iat: Math.floor(Date.now() / 1000) + 2 })
    assert.equal(await saas.statusEverywhere('/api/x', { headers: later }), 200)
  })

  test('cached decisions are shown, and a purge makes every worker ask again', async () => {
    const headers = await bearer({ user_id: 'cy' })
    const path = '/admin/cache/rbac?tenant=acme&user=cy'
    assert.equal(await saas.statusEverywhere('/items/1', { headers }), 200)
    assert.equal(authorized, 2)
    mayRead = false
    assert.equal(await saas.statusEverywhere('/items/2', { headers }), 200)
    const { data } = (await saas.admin('GET', path)).body
    assert.equal(data.length, 1)
    const { tenant, user, resource, action, allowed, copies } = data[0]
    assert.deepEqual(
      [tenant, user, resource, action, allowed, copies],
      ['acme', 'cy', 'items', 'read', true, 2],
    )
    assert.deepEqual((await saas.admin('DELETE', `${path}&dry_run=true`)).body, { purged: 2, dry_run: true })
    const elsewhere = await saas.admin('DELETE', '/admin/cache/rbac?tenant=globex')
    assert.deepEqual(elsewhere.body, { purged: 0 })
    assert.equal(await saas.statusEverywhere('/items/3', { headers }), 200)
    assert.deepEqual((await saas.admin('DELETE', path)).body, { purged: 2 })
    assert.equal(await saas.statusEverywhere('/items/4', { headers }), 403)
    assert.equal(authorized, 4)
  })
})
