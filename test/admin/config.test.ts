import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAdmin } from './fixture.ts'

test('the whole config is read, replaced under its tag, and rehearsed', async (t) => {
  const { ask, control } = await startAdmin(t)
  const read = await ask('GET', '/admin/config')
  const { version, ...files } = read.body
  assert.equal(version, 1)
  assert.deepEqual(files, control.files())

  const changed = { ...read.body, routes: { ...files.routes, tenants: [] } }
  const headers = { 'if-match': read.headers.get('etag') ?? '' }
  const rehearsed = await ask('PUT', '/admin/config?dry_run=true', { body: changed, headers })
  assert.deepEqual(rehearsed.body, { version: 1, restartNeeded: false, warnings: [], dry_run: true })
  assert.equal(control.writes, 0)
  const written = await ask('PUT', '/admin/config', { body: changed, headers })
  assert.deepEqual(written.body, { version: 2, restartNeeded: false, warnings: [] })
  assert.equal((await ask('GET', '/admin/config')).headers.get('etag'), written.headers.get('etag'))
  assert.equal((await ask('PUT', '/admin/config', { body: changed, headers })).status, 412)

  const gateway = { ...files.gateway, workers: 4 }
  const restart = await ask('PUT', '/admin/config', {
    body: { routes: files.routes, plugins: files.plugins, gateway },
  })
  assert.equal(restart.body.restartNeeded, true)
  const { gateway: _, ...two } = changed
  assert.equal(
    (await ask('PUT', '/admin/config', { body: two })).body.restartNeeded,
    false,
    'gateway.json stays',
  )
  assert.deepEqual(control.files().gateway, gateway)
})

test('a config that is not whole, not known or not valid is refused', async (t) => {
  const { ask, control } = await startAdmin(t)
  const { routes, plugins } = control.files()
  for (const [body, pointer] of [
    [{ routes }, '/plugins'],
    [{ routes, plugins, more: 1 }, '/more'],
    [{ routes, plugins: [] }, '/plugins'],
    [[], ''],
  ] as const) {
    const refused = await ask('PUT', '/admin/config', { body })
    assert.equal(refused.status, 422)
    assert.equal(refused.body.errors[0].pointer, pointer)
  }
  const invalid = await ask('PUT', '/admin/config', { body: { routes: { routes: [{ id: 'x' }] }, plugins } })
  assert.equal(invalid.status, 422)
  assert.deepEqual(invalid.body.errors, [
    { file: 'routes.json', pointer: '/routes/0/upstream', detail: 'is not an upstream' },
  ])
  assert.equal(control.writes, 0)
})

test('validation gives a verdict with every place, and takes what is not sent from what runs', async (t) => {
  const { ask, control } = await startAdmin(t)
  assert.deepEqual((await ask('POST', '/admin/config/validate', { role: 'operator', body: {} })).body, {
    valid: true,
    errors: [],
    warnings: [],
  })
  const plugins = {
    plugins: [
      { id: 'a', plugin: 'nope' },
      { id: 'b', plugin: 'jwt', config: { secret: '***' } },
    ],
  }
  const { status, body } = await ask('POST', '/admin/config/validate', { body: { plugins } })
  assert.equal(status, 200)
  assert.equal(body.valid, false)
  assert.deepEqual(
    body.errors.map((one: { file: string; pointer: string }) => `${one.file}${one.pointer}`),
    ['plugins.json/plugins/1/config/secret', 'plugins.json/plugins/0/plugin'],
  )
  assert.equal(control.writes, 0)
})

test('versions are listed newest first, read, and rolled back to', async (t) => {
  const { ask, control } = await startAdmin(t)
  const before = control.files()
  await ask('PUT', '/admin/config', { body: { routes: {}, plugins: {} } })
  const { data } = (await ask('GET', '/admin/config/versions')).body
  assert.deepEqual(
    data.map((one: { number: number; live: boolean; action: string }) => [one.number, one.live, one.action]),
    [
      [2, true, 'PUT /admin/config'],
      [1, false, 'start'],
    ],
  )
  const old = await ask('GET', '/admin/config/versions/1')
  assert.deepEqual(old.body.routes, before.routes)
  assert.equal((await ask('GET', '/admin/config/versions/9')).status, 404)
  assert.equal((await ask('GET', '/admin/config/versions/x')).status, 400)
  assert.equal((await ask('POST', '/admin/config/rollback/9')).status, 404)

  const stale = { headers: { 'if-match': '"stale"' } }
  assert.equal((await ask('POST', '/admin/config/rollback/1', stale)).status, 412)
  const rehearsed = await ask('POST', '/admin/config/rollback/1?dry_run=true')
  assert.deepEqual(rehearsed.body, { version: 2, warnings: [], dry_run: true })
  assert.deepEqual((await ask('POST', '/admin/config/rollback/1')).body, { version: 3, warnings: [] })
  assert.deepEqual(control.files(), before)
  const current = { headers: { 'if-match': (await ask('GET', '/admin/config')).headers.get('etag') ?? '' } }
  assert.equal((await ask('POST', '/admin/config/rollback/2', current)).status, 200)
  assert.deepEqual(control.files().routes, {})
})

test('a reload reads the files again, says why it cannot, and can be rehearsed', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.disk = { ...control.files(), routes: { tenants: [{ id: 'by hand' }] } }
  assert.deepEqual((await ask('POST', '/admin/reload?dry_run=true')).body, {
    version: 1,
    warnings: [],
    dry_run: true,
  })
  assert.equal(control.version(), 1)
  assert.deepEqual((await ask('POST', '/admin/reload', { role: 'operator' })).body, {
    version: 2,
    warnings: [],
  })
  assert.equal((await ask('GET', '/admin/tenants/by%20hand')).status, 200)
  control.disk = { ...control.files(), plugins: { plugins: [{ id: 'x', plugin: 'nope' }] } }
  const refused = await ask('POST', '/admin/reload')
  assert.equal(refused.status, 422)
  assert.equal(refused.body.errors[0].pointer, '/plugins/0/plugin')
})

test('schemas of plugins and files are there by name', async (t) => {
  const { ask, control } = await startAdmin(t)
  const { files, plugins } = control.schemas()
  const list = (await ask('GET', '/admin/schemas/plugins')).body.data
  assert.deepEqual(
    list.map((one: { name: string }) => one.name),
    ['jwt', 'rate-limit', 'request-id'],
  )
  assert.deepEqual((await ask('GET', '/admin/schemas/plugins/jwt')).body, plugins.jwt)
  for (const name of ['gateway', 'routes'] as const) {
    assert.deepEqual((await ask('GET', `/admin/schemas/${name}`)).body, files[name])
  }
  assert.deepEqual((await ask('GET', '/admin/schemas/plugins.json')).body, files.plugins)
  for (const name of ['plugins/nope', 'plugins/constructor', 'nope', '__proto__']) {
    assert.equal((await ask('GET', `/admin/schemas/${name}`)).status, 404, name)
  }
})
