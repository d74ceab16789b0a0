import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { createAdminServer } from '../../admin/server.ts'
import type { AdminConfig } from '../../gateway/contract/snapshot.ts'
import { createTestControl } from './control.ts'
import { startAdmin } from './fixture.ts'

const roles = ['none', 'viewer', 'operator', 'admin'] as const
const openPaths = ['/livez', '/readyz', '/openapi.json', '/metrics']
const adminOnly = ['PUT /admin/config', 'POST /admin/config/rollback/{n}']

/** Written down apart from the code: the least role of a route, as an index into `roles`. */
function expectedRank(method: string, path: string): number {
  if (openPaths.includes(path)) return 0
  if (adminOnly.includes(`${method} ${path}`)) return 3
  return method === 'GET' ? 1 : 2
}

test('every route of the OpenAPI document holds every role to its rights', async (t) => {
  const { ask } = await startAdmin(t)
  const { paths } = (await ask('GET', '/openapi.json')).body
  let routes = 0
  for (const [path, operations] of Object.entries<Record<string, { 'x-required-role': string }>>(paths)) {
    for (const [lower, operation] of Object.entries(operations)) {
      routes += 1
      const method = lower.toUpperCase()
      const needed = expectedRank(method, path)
      const documented = path === '/metrics' ? 'viewer' : roles[needed]
      assert.equal(operation['x-required-role'], documented, `${method} ${path}`)
      const url = path.replaceAll(/\{\w+\}/g, '1')
      for (const [rank, role] of roles.entries()) {
        // No body, no query: what is allowed may well be refused for another reason, which comes later.
        const { status, headers, body } = await ask(method, url, { role })
        const label = `${method} ${path} as ${role}: ${status}`
        if (rank >= needed) assert.ok(status !== 401 && status !== 403, label)
        else if (role === 'none') {
          assert.equal(status, 401, label)
          assert.match(headers.get('www-authenticate') ?? '', /^Bearer /)
        } else {
          assert.equal(status, 403, label)
          assert.equal(body.needed_role, roles[needed])
        }
      }
    }
  }
  assert.ok(routes > 50)
})

test('HEAD is held to the rights of GET', async (t) => {
  const { ask } = await startAdmin(t)
  assert.equal((await ask('HEAD', '/admin/plugins', { role: 'none' })).status, 401)
  assert.equal((await ask('HEAD', '/admin/plugins', { role: 'viewer' })).status, 200)
})

test('only a whole token in the right scheme lets in', async (t) => {
  const { ask } = await startAdmin(t)
  const given = async (authorization: string) =>
    (await ask('GET', '/admin/status', { role: 'none', headers: { authorization } })).status
  assert.equal(await given('Bearer viewer-token'), 200)
  assert.equal(await given('bearer  viewer-token'), 200)
  const hash = 'f'.repeat(64)
  for (const wrong of [
    'viewer-token',
    'Basic viewer-token',
    'Bearer',
    'Bearer ',
    'Bearer viewer-toke',
    'Bearer viewer-token2',
    `Bearer ${hash}`,
  ]) {
    assert.equal(await given(wrong), 401, wrong)
  }
})

/** fetch sets Host itself. */
function askAs(port: number, headers: Record<string, string>, path = '/livez'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, headers }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.on('error', reject).end()
  })
}

test('a foreign Host is refused, because a foreign name may be made to resolve to this machine', async (t) => {
  const { port } = await startAdmin(t, createTestControl(undefined, { allowedHosts: ['admin.example.com'] }))
  const good = [
    '127.0.0.1',
    `127.0.0.1:${port}`,
    '[::1]:3001',
    'localhost',
    'LOCALHOST:1',
    'gateway:3001',
    'admin.example.com:3001',
  ]
  for (const host of good) assert.equal(await askAs(port, { host }), 200, host)
  for (const host of ['evil.example', 'localhost.evil.example:3001', '127.0.0.1.nip.io', 'a@127.0.0.1']) {
    assert.equal(await askAs(port, { host }), 421, `host "${host}"`)
    assert.equal(await askAs(port, { host, authorization: 'Bearer admin-token' }, '/admin/status'), 421, host)
  }
})

test('a target that names a host of its own is refused', async (t) => {
  const { port } = await startAdmin(t)
  const headers = { host: `127.0.0.1:${port}`, authorization: 'Bearer admin-token' }
  for (const host of ['evil.example', headers.host])
    assert.equal(await askAs(port, headers, `http://${host}/admin/status`), 400, host)
})

test('web pages of another origin are refused, with a token too', async (t) => {
  const { port } = await startAdmin(t)
  const authorization = 'Bearer admin-token'
  const host = `127.0.0.1:${port}`
  for (const origin of [`http://${host}`, `https://${host}`]) {
    assert.equal(await askAs(port, { host, origin, authorization }, '/admin/status'), 200, origin)
  }
  for (const origin of [
    'null',
    'http://evil.example',
    'http://127.0.0.1:1',
    'http://localhost',
    'file://',
    'x',
  ]) {
    assert.equal(await askAs(port, { host, origin, authorization }, '/admin/status'), 403, origin)
    assert.equal(await askAs(port, { host, origin }), 403, origin)
  }
})

test('no answer may be framed, cached, sniffed or read across origins, and none names its server', async (t) => {
  const { ask } = await startAdmin(t)
  for (const path of ['/admin/plugins', '/livez', '/nope', '/admin/status']) {
    const { headers } = await ask('GET', path)
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin')
    assert.equal(headers.get('access-control-allow-origin'), null)
    assert.equal(headers.get('server'), null)
  }
})

test('metrics are open on loopback, closed elsewhere, and the config may say otherwise', async (t) => {
  for (const [host, openMetrics, status] of [
    ['127.0.0.1', undefined, 200],
    ['0.0.0.0', undefined, 401],
    ['0.0.0.0', true, 200],
    ['127.0.0.1', false, 401],
  ] as const) {
    const admin: Partial<AdminConfig> = openMetrics === undefined ? {} : { openMetrics }
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const server = await createAdminServer({ control: createTestControl(undefined, admin), log, tokens: [] })
    t.after(() => server.close())
    const { port } = await server.listen(host, 0)
    assert.equal(await askAs(port, {}, '/metrics'), status, `${host} ${openMetrics}`)
    assert.equal(await askAs(port, {}, '/livez'), 200)
  }
})

test('writes and refusals are in the log with who and from where, never with the token', async (t) => {
  const { ask, logged } = await startAdmin(t)
  await ask('POST', '/admin/tenants/acme/suspend', { role: 'operator' })
  await ask('GET', '/admin/plugins', { role: 'none' })
  const lines = logged.filter(({ level }) => level === 'info').map(({ fields }) => fields)
  assert.deepEqual(
    lines.map(({ method, path, status, by, peer }) => [method, path, status, by, peer]),
    [
      ['POST', '/admin/tenants/acme/suspend', 200, 'operator', '127.0.0.1'],
      ['GET', '/admin/plugins', 401, null, '127.0.0.1'],
    ],
  )
  assert.ok(!JSON.stringify(logged).includes('operator-token'))
})

test('only an admin brings a new plugin module in, by any way', async (t) => {
  const { ask, control } = await startAdmin(t)
  const entry = { id: 'mine', plugin: './mine.ts' }
  const before = JSON.stringify(control.files())
  const list = (control.files().plugins.plugins ?? []) as object[]
  const attempts: [string, string, object][] = [
    ['POST', '/admin/plugins', entry],
    ['PUT', '/admin/plugins/mine', entry],
    ['PATCH', `/admin/plugins/${(list[0] as { id: string }).id}`, { plugin: '/tmp/evil.js' }],
    ['PATCH', `/admin/plugins/${(list[0] as { id: string }).id}`, { plugin: '${EVIL}' }],
    ['POST', '/admin/config/validate', { plugins: { plugins: [...list, entry] } }],
  ]
  for (const [method, path, body] of attempts) {
    const answer = await ask(method, path, { role: 'operator', body: body as never })
    assert.equal(answer.status, 403, `${method} ${path}`)
    assert.equal(answer.body.needed_role, 'admin')
  }
  assert.equal(JSON.stringify(control.files()), before)
  assert.notEqual((await ask('POST', '/admin/plugins', { role: 'admin', body: entry })).status, 403)
})
