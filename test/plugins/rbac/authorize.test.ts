import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRequest, createStage } from './setup.ts'

describe('the subrequest', () => {
  test('tells the upstream who wants what, and nothing that the client sent', async () => {
    const stage = createStage({ subrequest: { path: '/authz', timeoutMs: 700, maxBytes: 2000 } })
    const view = createRequest({ roles: ['b', 'a'], method: 'DELETE' })
    view.requestHeaders = { authorization: 'Bearer secret', cookie: 'x=1', 'x-tenant-id': 'forged' }
    const status = stage.status(view)
    const one = stage.asked[0]
    assert.ok(one !== undefined)
    await one.answer({ allowed: true })
    assert.equal(await status, 200)
    const { headers, body: _, ...rest } = one.request
    assert.deepEqual(rest, { method: 'POST', path: '/authz', timeoutMs: 700, maxBytes: 2000 })
    assert.deepEqual(headers, [
      'content-type',
      'application/json',
      'accept',
      'application/json',
      'x-tenant-id',
      'acme',
      'x-user-id',
      'u1',
      'x-request-id',
      view.requestId,
    ])
    assert.deepEqual(one.body, {
      tenant_id: 'acme',
      user_id: 'u1',
      roles: ['b', 'a'],
      resource: 'items',
      action: 'delete',
      request: { method: 'DELETE', path: '/items', request_id: view.requestId },
    })
  })

  test('says null and sends no header where there is no tenant', () => {
    const stage = createStage()
    void stage.status(createRequest({ tenant: null }))
    assert.equal(stage.asked[0]?.body.tenant_id, null)
    assert.ok(!stage.asked[0]?.request.headers.includes('x-tenant-id'))
  })

  test('keeps text that no header may hold out of the headers', () => {
    const cases: [string, string | null][] = [
      ['a\r\nX-User-Roles: admin', null],
      ['a\u0000b', null],
      ['é€', Buffer.from('é€').toString('latin1')],
      ['plain', 'plain'],
    ]
    for (const [user, sent] of cases) {
      const stage = createStage()
      void stage.status(createRequest({ user }))
      const headers = stage.asked[0]?.request.headers ?? []
      const at = headers.indexOf('x-user-id')
      assert.equal(at < 0 ? null : headers[at + 1], sent, JSON.stringify(user))
      assert.equal(stage.asked[0]?.body.user_id, user)
      for (const text of headers) assert.match(text, /^[\x20-\x7e\x80-\xff]*$/)
    }
  })
})

describe('an answer', () => {
  const garbage: [string, unknown, number?][] = [
    ['is no JSON', 'yes'],
    ['is empty', ''],
    ['is cut off', '{"allowed":true'],
    ['is null', 'null'],
    ['is a list', '[true]'],
    ['is just true', 'true'],
    ['has no allowed', {}],
    ['has allowed as text', { allowed: 'true' }],
    ['has allowed as number', { allowed: 1 }],
    ['has allowed as null', { allowed: null }],
    ['has permissions as text', { allowed: true, permissions: '*' }],
    ['has permissions as object', { allowed: true, permissions: { 0: '*' } }],
    ['has permissions as null', { allowed: true, permissions: null }],
    ['has permissions that are no text', { allowed: true, permissions: ['a:b', 1] }],
    ['has an empty permission', { allowed: true, permissions: [''] }],
    ['has an endless permission', { allowed: true, permissions: ['a'.repeat(513)] }],
    ['has too many permissions', { allowed: true, permissions: Array(2001).fill('a:b') }],
    ['has ttl as text', { allowed: true, ttl: '60' }],
    ['has a negative ttl', { allowed: true, ttl: -1 }],
    ['has an infinite ttl', '{"allowed":true,"ttl":1e999}'],
    ['is too large', `{"allowed":true,"x":"${'y'.repeat(70_000)}"}`],
    ['is too large in bytes', `{"allowed":true,"x":"${'€'.repeat(30_000)}"}`],
    ['comes with 201', { allowed: true }, 201],
    ['comes with 204', '', 204],
    ['comes with 302', { allowed: true }, 302],
    ['comes with 401', { allowed: false }, 401],
    ['comes with 403', { allowed: false }, 403],
    ['comes with 404', { allowed: true }, 404],
    ['comes with 500', { allowed: true }, 500],
  ]
  for (const [title, body, status = 200] of garbage) {
    test(`that ${title} is no answer: 503, and nothing is remembered`, async () => {
      const stage = createStage({ failureTtlMs: 0 })
      const first = stage.status(createRequest())
      await stage.asked[0]?.answer(body, status)
      assert.equal(await first, 503)
      const second = stage.status(createRequest())
      assert.equal(stage.asked.length, 2, 'asks again')
      await stage.asked[1]?.answer({ allowed: true })
      assert.equal(await second, 200)
    })
  }

  const good: [string, unknown, number][] = [
    ['allows', { allowed: true }, 200],
    ['denies', { allowed: false }, 403],
    ['has all fields', { allowed: true, permissions: ['items:read'], ttl: 60 }, 200],
    ['has fields that we do not know', { allowed: true, reason: 'x' }, 200],
    [
      'denies with a permission list that says otherwise',
      { allowed: false, permissions: ['*'], ttl: 60 },
      403,
    ],
    ['inherits allowed from nowhere', '{"__proto__":{"allowed":true},"allowed":false}', 403],
  ]
  for (const [title, body, expected] of good) {
    test(`that ${title} is taken: ${expected}`, async () => {
      const stage = createStage()
      const status = stage.status(createRequest())
      await stage.asked[0]?.answer(body)
      assert.equal(await status, expected)
      assert.equal(stage.status(createRequest()), expected)
    })
  }

  test('inherited through __proto__ is none', async () => {
    const stage = createStage()
    const status = stage.status(createRequest())
    await stage.asked[0]?.answer('{"__proto__":{"allowed":true}}')
    assert.equal(await status, 503)
  })
})
