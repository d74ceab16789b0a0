import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAdmin } from './fixture.ts'

test('cached decisions of all workers are shown once, with the number of copies, and purged into the audit', async (t) => {
  const { ask, control } = await startAdmin(t)
  const ann = { tenant: 'acme', user: 'ann', resource: 'items', action: 'read', allowed: true }
  const bob = { ...ann, user: 'bob' }
  control.answers = {
    'rbac inspect': [
      [{ ...ann, expiresAtMs: 5 }],
      { entries: [{ ...ann, expiresAtMs: 9 }, bob] },
      'odd',
      null,
    ],
    'rbac purge': [2, { purged: 1 }, null],
  }
  const shown = await ask('GET', '/admin/cache/rbac?tenant=acme&user=ann&role=r')
  assert.deepEqual(shown.body, {
    data: [
      { ...bob, copies: 1 },
      { ...ann, expiresAtMs: 5, copies: 2 },
    ].reverse(),
    next: null,
  })
  assert.deepEqual(control.asked.at(-1), {
    plugin: 'rbac',
    operation: 'inspect',
    args: { tenant: 'acme', user: 'ann', role: 'r', limit: 1000 },
  })
  const rehearsed = await ask('DELETE', '/admin/cache/rbac?tenant=acme&dry_run=true')
  assert.deepEqual(rehearsed.body, { purged: 3, dry_run: true })
  assert.ok(control.asked.every(({ operation }) => operation === 'inspect'))
  assert.equal(control.audit().length, 0)
  const purged = await ask('DELETE', '/admin/cache/rbac?tenant=acme', { role: 'operator' })
  assert.deepEqual(purged.body, { purged: 3 })
  assert.deepEqual(control.asked.at(-1), { plugin: 'rbac', operation: 'purge', args: { tenant: 'acme' } })
  const { at: _, ...entry } = control.audit()[0] ?? { at: '' }
  assert.deepEqual(entry, {
    by: 'operator',
    action: 'DELETE /admin/cache/rbac {"tenant":"acme"}',
    outcome: 'purged 3',
    version: null,
  })
  // With a misspelt filter everything would be purged.
  assert.equal((await ask('DELETE', '/admin/cache/rbac?tennant=acme')).status, 400)
  assert.equal((await ask('DELETE', '/admin/cache/rbac?tenant=')).status, 400)
})

test('a limit is shown once although every worker answers, and reset into the audit', async (t) => {
  const { ask, control } = await startAdmin(t)
  const state = { instance: 'rate-limit', name: 'per-user', key: 'k', remaining: 3, resetMs: 10 }
  const foreign = { entries: [], error: 'no limit is named "k"' }
  control.answers = {
    'rate-limit inspect': [{ entries: [state] }, foreign, { entries: [{ ...state, remaining: 2 }] }, foreign],
    'rate-limit reset': [{ entries: [], reset: 1 }],
  }
  assert.deepEqual((await ask('GET', '/admin/rate-limits?key=k')).body, { data: [state], next: null })
  assert.equal((await ask('GET', '/admin/rate-limits')).status, 200)
  assert.deepEqual(control.asked.at(-1)?.args, {})
  assert.equal((await ask('DELETE', '/admin/rate-limits')).status, 400)
  const rehearsed = await ask('DELETE', '/admin/rate-limits?key=k&dry_run=true')
  assert.deepEqual(rehearsed.body, { key: 'k', reset: true, dry_run: true })
  assert.ok(control.asked.every(({ operation }) => operation === 'inspect'))
  assert.deepEqual((await ask('DELETE', '/admin/rate-limits?key=k')).body, { key: 'k', reset: true })
  assert.deepEqual(control.asked.at(-1), { plugin: 'rate-limit', operation: 'reset', args: { key: 'k' } })

  control.answers = { 'rate-limit inspect': [foreign, foreign], 'rate-limit reset': [foreign, foreign] }
  for (const [method, query] of [
    ['GET', ''],
    ['DELETE', ''],
    ['DELETE', '&dry_run=true'],
  ] as const) {
    const refused = await ask(method, `/admin/rate-limits?key=k${query}`)
    assert.equal(refused.status, 404)
    assert.match(refused.body.detail, /no limit is named "k"\.$/)
  }
  control.answers = {}
  assert.equal((await ask('GET', '/admin/rate-limits?key=k')).status, 404)
  assert.deepEqual(
    control.audit().map((entry) => entry.action),
    ['DELETE /admin/rate-limits {"key":"k"}'],
  )
})

test('revocations are made, shown, filtered and taken back', async (t) => {
  const { ask, control, clock } = await startAdmin(t)
  const now = Math.floor(clock.wallMs() / 1000)
  const body = { kind: 'user', subject: 'ann', tenantId: 'acme' }
  const expected = { ...body, notBefore: now, expiresAt: now + 86_400 }
  const rehearsed = await ask('POST', '/admin/revocations?dry_run=true', { body })
  assert.equal(rehearsed.status, 201)
  assert.deepEqual(rehearsed.body, { id: null, ...expected, dry_run: true })
  assert.equal(control.revocations().length, 0)

  const made = await ask('POST', '/admin/revocations', { role: 'operator', body })
  assert.equal(made.status, 201)
  assert.deepEqual(made.body, { id: 'r1', ...expected })
  const path = made.headers.get('location') ?? ''
  const read = await ask('GET', path)
  assert.deepEqual([read.body, read.headers.get('etag')], [made.body, made.headers.get('etag')])
  await ask('POST', '/admin/revocations', { body: { kind: 'token', subject: 'jti', ttlSeconds: 60 } })
  const listed = async (query: string) =>
    (await ask('GET', `/admin/revocations${query}`)).body.data.map((one: { id: string }) => one.id)
  assert.deepEqual(await listed(''), ['r1', 'r2'])
  assert.deepEqual(await listed('?tenant=acme'), ['r1'])
  assert.deepEqual(await listed('?kind=token'), ['r2'])
  assert.deepEqual(await listed('?subject=nobody'), [])

  assert.equal((await ask('DELETE', path, { headers: { 'if-match': '"x"' } })).status, 412)
  assert.deepEqual((await ask('DELETE', `${path}?dry_run=true`)).body, {
    id: 'r1',
    deleted: true,
    dry_run: true,
  })
  assert.deepEqual((await ask('DELETE', path)).body, { id: 'r1', deleted: true })
  assert.equal((await ask('DELETE', path)).status, 404)
  assert.equal((await ask('GET', path)).status, 404)
  assert.deepEqual(
    control.audit().map((entry) => entry.by),
    ['operator', 'admin', 'admin'],
  )
})

test('a revocation that cannot be meant is refused with its place', async (t) => {
  const { ask, control, clock } = await startAdmin(t)
  const now = Math.floor(clock.wallMs() / 1000)
  const good = { kind: 'token', subject: 'jti' }
  for (const [body, pointer] of [
    [{ ...good, kind: 'tenant' }, '/kind'],
    [{ kind: 'token' }, '/subject'],
    [{ ...good, subject: '' }, '/subject'],
    [{ ...good, ttl: 5 }, '/ttl'],
    [{ ...good, ttlSeconds: '60' }, '/ttlSeconds'],
    [{ ...good, ttlSeconds: 0 }, '/ttlSeconds'],
    [{ ...good, expiresAt: now }, '/expiresAt'],
    [{ ...good, expiresAt: (now + 60) * 1000 }, '/expiresAt'],
    [{ ...good, expiresAt: now + 60, ttlSeconds: 60 }, '/ttlSeconds'],
  ] as const) {
    const refused = await ask('POST', '/admin/revocations', { body })
    assert.equal(refused.status, 422, JSON.stringify(body))
    assert.equal(refused.body.errors[0].pointer, pointer)
  }
  assert.equal(control.revocations().length, 0)
})

test('status, audit, metrics and probes tell what the control plane tells', async (t) => {
  const { ask, control } = await startAdmin(t)
  assert.deepEqual((await ask('GET', '/admin/status')).body, await control.status())
  await ask('POST', '/admin/tenants/acme/suspend', { role: 'operator' })
  await ask('POST', '/admin/tenants/acme/activate')
  const audit = (await ask('GET', '/admin/audit')).body.data
  assert.deepEqual(audit, control.audit().toReversed())
  assert.equal((await ask('GET', '/admin/audit?by=operator')).body.data.length, 1)

  const metrics = await ask('GET', '/metrics', { role: 'none' })
  assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(metrics.text, 'aegis_up 1\n')
  assert.deepEqual((await ask('GET', '/livez', { role: 'none' })).body, { status: 'ok' })
  assert.deepEqual((await ask('GET', '/readyz', { role: 'none' })).body, { status: 'ok' })
  control.notReady = ['draining', 'no worker listens']
  const { status, body } = await ask('GET', '/readyz', { role: 'none' })
  assert.equal(status, 503)
  assert.deepEqual(body.reasons, control.notReady)
  assert.equal((await ask('GET', '/livez')).status, 200)
})

test('a failure inside is 500 without its reason, which is in the log', async (t) => {
  const { ask, control, logged } = await startAdmin(t)
  control.status = () => Promise.reject(new Error('secret path /etc/aegis'))
  const { status, text, body } = await ask('GET', '/admin/status')
  assert.equal(status, 500)
  assert.ok(!/secret path|at .*\.ts/.test(text))
  const line = logged.find(({ level }) => level === 'error')
  assert.equal(line?.fields.request_id, body.request_id)
  assert.match(String(line?.fields.err), /secret path/)
})
