import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAdmin } from './fixture.ts'

const rule = (id: number, hits: number, tags: string[] = []) => ({
  ...{ instance: 'waf', id, file: '/rules/a.conf', line: 3, phase: 2, level: 1, message: 'm', tags, hits },
})

test('rules are listed once with the hits of all workers, page by page', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.answers = {
    'waf rules': [{ entries: [rule(1, 2), rule(2, 0, ['x'])] }, { entries: [rule(1, 3), rule(2, 1, ['x'])] }],
  }
  const first = await ask('GET', '/admin/waf/rules?size=1')
  assert.equal(first.status, 200)
  assert.deepEqual(first.body.data, [rule(1, 5)])
  const second = await ask('GET', `/admin/waf/rules?size=1&after=${first.body.next}`)
  assert.deepEqual(second.body, { data: [rule(2, 1, ['x'])], next: null })
  assert.deepEqual((await ask('GET', '/admin/waf/rules?id=2')).body.data, [rule(2, 1, ['x'])])
  assert.deepEqual((await ask('GET', '/admin/waf/rules?tag=x')).body.data, [rule(2, 1, ['x'])])
})

test('without a WAF there is nothing to list or to test', async (t) => {
  const { ask } = await startAdmin(t)
  assert.equal((await ask('GET', '/admin/waf/rules')).status, 404)
  const request = { method: 'GET', uri: '/' }
  assert.equal((await ask('POST', '/admin/waf/test', { body: { request } })).status, 404)
})

test('a test goes to the plugin as it is, and its answer comes back', async (t) => {
  const { ask, control } = await startAdmin(t)
  const answer = {
    matched: [{ id: 942100, phase: 2, message: 'm', variable: 'ARGS:q', data: '' }],
    ...{ inboundScore: 5, outboundScore: 0, verdict: 'block' },
  }
  control.trial = { kind: 'answer', value: answer }
  const body = {
    request: { method: 'POST', uri: '/?q=1', httpVersion: '1.1', headers: [['Host', 'a']], body: 'cT0x' },
    response: { status: 200, headers: [['Content-Type', 'text/html']], body: '' },
    config: { mode: 'block' },
  }
  const answered = await ask('POST', '/admin/waf/test', { body })
  assert.equal(answered.status, 200)
  assert.deepEqual(answered.body, answer)
  assert.deepEqual(control.asked.at(-1), { plugin: 'waf', operation: 'test', args: body })
})

test('a config that is no good is refused with its places', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.trial = { kind: 'invalid', problems: [{ pointer: '/rules', message: 'a.conf:3: no directive' }] }
  const body = { request: { method: 'GET', uri: '/' }, config: {} }
  const refused = await ask('POST', '/admin/waf/test', { body })
  assert.equal(refused.status, 422)
  assert.deepEqual(refused.body.errors, [
    { in: 'body', pointer: '/config/rules', detail: 'a.conf:3: no directive' },
  ])
})

for (const [title, body] of [
  ['no request', {}],
  ['a body that is no base64', { request: { method: 'GET', uri: '/', body: '%%' } }],
  ['headers as an object', { request: { method: 'GET', uri: '/', headers: { a: 'b' } } }],
  ['an unknown member', { request: { method: 'GET', uri: '/' }, more: 1 }],
] as const) {
  test(`a test with ${title} is refused`, async (t) => {
    const { ask, control } = await startAdmin(t)
    const refused = await ask('POST', '/admin/waf/test', { body })
    assert.ok(refused.status === 400 || refused.status === 422, String(refused.status))
    assert.deepEqual(control.asked, [])
  })
}

test('viewers see the rules, but only operators may test', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.answers = { 'waf rules': [{ entries: [] }] }
  assert.equal((await ask('GET', '/admin/waf/rules', { role: 'viewer' })).status, 200)
  const body = { request: { method: 'GET', uri: '/' } }
  assert.equal((await ask('POST', '/admin/waf/test', { role: 'viewer', body })).status, 403)
})
