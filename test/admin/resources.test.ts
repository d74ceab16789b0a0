import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../gateway/contract/control-api.ts'
import { idsOf, startAdmin } from './fixture.ts'

interface Kind {
  readonly path: string
  readonly idMember: 'id' | 'name'
  readonly existing: string
  readonly fresh: JsonObject
  readonly patch: JsonObject
  /** A member that the patch changes, and its new value. */
  readonly patched: readonly [string, unknown]
  /** A change that the config's validation refuses. */
  readonly bad: JsonObject
  readonly badPlace: { readonly pointer: string; readonly resourcePointer: string }
}

const kinds: readonly Kind[] = [
  {
    path: '/admin/plugins',
    idMember: 'id',
    existing: 'rate-limit',
    fresh: { id: 'second limit', plugin: 'rate-limit', config: { limit: 5 } },
    patch: { config: { limit: 7 } },
    patched: ['config', { limit: 7 }],
    bad: { config: { limit: 'many' } },
    badPlace: { pointer: '/plugins/2/config/limit', resourcePointer: '/config/limit' },
  },
  {
    path: '/admin/routes',
    idMember: 'id',
    existing: 'items',
    fresh: { id: 'a/b', paths: ['/b'], upstream: 'api' },
    patch: { methods: ['GET'] },
    patched: ['methods', ['GET']],
    bad: { upstream: 'nowhere' },
    badPlace: { pointer: '/routes/0/upstream', resourcePointer: '/upstream' },
  },
  {
    path: '/admin/upstreams',
    idMember: 'name',
    existing: 'api',
    fresh: { name: 'ä~b/c', targets: [{ url: 'http://127.0.0.1:1' }] },
    patch: { balancer: 'round-robin' },
    patched: ['balancer', 'round-robin'],
    bad: { targets: null },
    badPlace: { pointer: '/upstreams/api/targets', resourcePointer: '/targets' },
  },
]

const tenants: Omit<Kind, 'bad' | 'badPlace'> = {
  path: '/admin/tenants',
  idMember: 'id',
  existing: 'acme',
  fresh: { id: 'initech', plan: 'free' },
  patch: { plan: null },
  patched: ['plan', undefined],
}

for (const kind of [...kinds, tenants]) {
  test(`${kind.path}: creates, reads, lists, replaces, patches and deletes`, async (t) => {
    const { ask, control } = await startAdmin(t)
    const id = String(kind.fresh[kind.idMember])
    const path = `${kind.path}/${encodeURIComponent(id)}`

    const created = await ask('POST', kind.path, { role: 'operator', body: kind.fresh })
    assert.equal(created.status, 201, created.text)
    assert.equal(created.headers.get('location'), path)
    assert.equal(created.headers.get('x-aegis-config-version'), '2')
    const read = await ask('GET', path)
    assert.equal(read.status, 200)
    assert.equal(read.headers.get('etag'), created.headers.get('etag'))
    assert.deepEqual(read.body, created.body)
    assert.ok(idsOf(await ask('GET', kind.path)).includes(id))

    const replaced = await ask('PUT', path, { body: read.body })
    assert.equal(replaced.status, 200, replaced.text)
    assert.equal(
      replaced.headers.get('etag'),
      read.headers.get('etag'),
      'what GET gave, sent back, changes nothing',
    )
    const patched = await ask('PATCH', path, {
      body: kind.patch,
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.equal(patched.status, 200, patched.text)
    assert.deepEqual(patched.body[kind.patched[0]], kind.patched[1])
    assert.notEqual(patched.headers.get('etag'), read.headers.get('etag'))

    const deleted = await ask('DELETE', path)
    assert.equal(deleted.status, 200)
    assert.deepEqual(deleted.body, { [kind.idMember]: id, deleted: true })
    assert.equal((await ask('GET', path)).status, 404)
    assert.equal(control.writes, 4)
    assert.deepEqual(
      control.audit().map((entry) => [entry.by, entry.action]),
      [
        ['operator', `POST ${kind.path} ${JSON.stringify(id)}`],
        ['admin', `PUT ${path}`],
        ['admin', `PATCH ${path}`],
        ['admin', `DELETE ${path}`],
      ],
    )
  })

  test(`${kind.path}: refuses an id twice, unknown ids, and a body that renames`, async (t) => {
    const { ask, control } = await startAdmin(t)
    const path = `${kind.path}/${kind.existing}`
    const { body } = await ask('GET', path)
    assert.equal((await ask('POST', kind.path, { body })).status, 409)
    for (const method of ['GET', 'DELETE']) assert.equal((await ask(method, `${kind.path}/nope`)).status, 404)
    assert.equal((await ask('PATCH', `${kind.path}/nope`, { body: {} })).status, 404)
    for (const method of ['PUT', 'PATCH']) {
      const renamed = await ask(method, path, { body: { ...body, [kind.idMember]: 'other' } })
      assert.equal(renamed.status, 422)
      assert.deepEqual(renamed.body.errors[0].pointer, `/${kind.idMember}`)
    }
    for (const id of ['', 7, null, '__proto__', 'constructor']) {
      const refused = await ask('POST', kind.path, { body: { ...kind.fresh, [kind.idMember]: id } })
      assert.equal(refused.status, 422, String(id))
    }
    for (const id of ['__proto__', 'constructor', 'toString']) {
      assert.equal((await ask('GET', `${kind.path}/${id}`)).status, 404, id)
    }
    assert.equal((await ask('PUT', `${kind.path}/__proto__`, { body: {} })).status, 422)
    assert.equal(control.writes, 0)
  })

  test(`${kind.path}: holds every write to If-Match and If-None-Match`, async (t) => {
    const { ask, control } = await startAdmin(t)
    const path = `${kind.path}/${kind.existing}`
    const { body, headers } = await ask('GET', path)
    const etag = headers.get('etag') ?? ''
    for (const [method, sent] of [
      ['PUT', body],
      ['PATCH', kind.patch],
      ['DELETE', undefined],
    ] as const) {
      for (const tag of ['"other"', `W/${etag}`, '"a", "b"', 'nonsense']) {
        const refused = await ask(method, path, { body: sent, headers: { 'if-match': tag } })
        assert.equal(refused.status, 412, `${method} ${tag}`)
        assert.equal(refused.headers.get('etag'), etag)
      }
    }
    assert.equal((await ask('PUT', path, { body, headers: { 'if-none-match': '*' } })).status, 412)
    assert.equal(
      (await ask('PUT', `${kind.path}/new`, { body: {}, headers: { 'if-match': '*' } })).status,
      412,
    )
    assert.equal(control.writes, 0)

    const patched = await ask('PATCH', path, { body: kind.patch, headers: { 'if-match': `"x", ${etag}` } })
    assert.equal(patched.status, 200)
    const fresh = { ...kind.fresh, [kind.idMember]: 'new' }
    const made = await ask('PUT', `${kind.path}/new`, { body: fresh, headers: { 'if-none-match': '*' } })
    assert.equal(made.status, 201)
    assert.equal(made.headers.get('location'), `${kind.path}/new`)
  })

  test(`${kind.path}: a dry run answers like the real thing and changes nothing`, async (t) => {
    const { ask, control } = await startAdmin(t)
    const before = JSON.stringify(control.files())
    const path = `${kind.path}/${kind.existing}`
    const asked = [
      ['POST', kind.path, kind.fresh, 201],
      ['POST', kind.path, { ...kind.fresh, [kind.idMember]: kind.existing }, 409],
      ['PATCH', path, kind.patch, 200],
      ['PUT', `${kind.path}/new`, { ...kind.fresh, [kind.idMember]: 'new' }, 201],
      ['DELETE', `${kind.path}/nope`, undefined, 404],
    ] as const
    for (const [method, where, body, status] of asked) {
      const rehearsed = await ask(method, `${where}?dry_run=true`, { body })
      assert.equal(rehearsed.status, status, rehearsed.text)
      assert.equal(rehearsed.body.dry_run, true)
      assert.equal(JSON.stringify(control.files()), before)
      assert.equal(control.audit().length, 0)
      const real = await ask(method, where, { body })
      assert.equal(real.status, status)
      const { dry_run: _, request_id: _1, ...rest } = rehearsed.body
      const { request_id: _2, ...same } = real.body
      assert.deepEqual(same, rest)
      for (const name of ['etag', 'location'])
        assert.equal(real.headers.get(name), rehearsed.headers.get(name))
      control.disk = JSON.parse(before)
      await control.edit((files) => files, { by: '', action: 'undo', dryRun: false })
      ;(control.audit() as unknown[]).length = 0
    }
  })
}

for (const kind of kinds) {
  test(`${kind.path}: what validation refuses is 422 with the places in the file and in the resource`, async (t) => {
    const { ask, control } = await startAdmin(t)
    const refused = await ask('PATCH', `${kind.path}/${kind.existing}`, { body: kind.bad })
    assert.equal(refused.status, 422)
    assert.equal(refused.headers.get('content-type'), 'application/problem+json')
    assert.equal(refused.body.code, 'AEGIS_ADMIN_INVALID_CONFIG')
    const { pointer, resourcePointer } = refused.body.errors[0]
    assert.deepEqual({ pointer, resourcePointer }, kind.badPlace)
    assert.equal(control.writes, 0)
  })
}

test('a problem outside of the edited resource has no pointer into it', async (t) => {
  const { ask } = await startAdmin(t)
  const { status, body } = await ask('DELETE', '/admin/upstreams/api')
  assert.equal(status, 422)
  assert.deepEqual(body.errors, [
    { file: 'routes.json', pointer: '/routes/0/upstream', detail: 'is not an upstream' },
  ])
})

test('broken files on disk are a conflict, and a worker that refuses makes 503', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.workerRefuses = 'worker 1: no memory'
  const refused = await ask('PATCH', '/admin/tenants/acme', { body: { plan: 'free' } })
  assert.equal(refused.status, 503)
  assert.match(refused.body.detail, /no memory/)
  control.disk = null
  const conflict = await ask('PATCH', '/admin/tenants/acme', { body: { plan: 'free' } })
  assert.equal(conflict.status, 409)
  assert.equal(conflict.body.errors[0].file, 'plugins.json')
})

test('a read is answered 304 while the tag holds, but not for an upstream, whose health changes without it', async (t) => {
  const { ask, control, clock } = await startAdmin(t)
  for (const [path, status] of [
    ['/admin/plugins/jwt', 304],
    ['/admin/plugins/order', 304],
    ['/admin/config', 304],
    ['/admin/upstreams/api', 200],
  ] as const) {
    const etag = (await ask('GET', path)).headers.get('etag') ?? ''
    for (const tag of [etag, `"x", W/${etag}`, '*']) {
      const again = await ask('GET', path, { headers: { 'if-none-match': tag } })
      assert.equal(again.status, status, `${path} ${tag}`)
      assert.equal(again.headers.get('etag'), etag)
    }
    assert.equal((await ask('GET', path, { headers: { 'if-none-match': '"x"' } })).status, 200)
  }
  const target = 'http://127.0.0.1:4000'
  control.targets = [
    { upstream: 'api', target, healthy: true, ejectedUntilMs: clock.monotonicMs() + 500 },
    { upstream: 'other', target, healthy: false, ejectedUntilMs: 0 },
  ]
  const upstream = await ask('GET', '/admin/upstreams/api')
  assert.deepEqual(upstream.body.endpoints, [{ target, healthy: true, ejectedForMs: 500 }])
  const back = await ask('PUT', '/admin/upstreams/api', { body: upstream.body })
  assert.equal(back.status, 200)
  assert.equal('endpoints' in (control.files().routes.upstreams as JsonObject & { api: object }).api, false)
})

test('one word suspends and activates a tenant, enables and disables a plugin, and If-Match holds there too', async (t) => {
  const { ask } = await startAdmin(t)
  for (const [path, word, member, value] of [
    ['/admin/tenants/globex', 'suspend', 'status', 'suspended'],
    ['/admin/tenants/globex', 'activate', 'status', 'active'],
    ['/admin/plugins/jwt', 'disable', 'enabled', false],
    ['/admin/plugins/jwt', 'enable', 'enabled', true],
  ] as const) {
    const stale = await ask('POST', `${path}/${word}`, { headers: { 'if-match': '"old"' } })
    assert.equal(stale.status, 412)
    const done = await ask('POST', `${path}/${word}`, { role: 'operator' })
    assert.equal(done.status, 200, done.text)
    assert.equal(done.body[member], value)
    assert.equal((await ask('GET', path)).headers.get('etag'), done.headers.get('etag'))
  }
  assert.equal((await ask('POST', '/admin/tenants/nope/suspend')).status, 404)
})

test('warnings of an accepted edit are in a header that any client can read', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.disk = { ...control.files(), gateway: { warn: true } }
  const done = await ask('POST', '/admin/tenants/globex/suspend')
  assert.deepEqual(JSON.parse(done.headers.get('x-aegis-warnings') ?? ''), ['Mind the gap – soon.'])
})
