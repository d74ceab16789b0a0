import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idsOf, startAdmin } from './fixture.ts'

const fresh = { id: 'new', plugin: 'request-id', config: {} }

test('a new plugin goes where it is asked to', async (t) => {
  for (const [query, order] of [
    ['', ['request-id', 'jwt', 'rate-limit', 'new']],
    ['?position=0', ['new', 'request-id', 'jwt', 'rate-limit']],
    ['?position=99', ['request-id', 'jwt', 'rate-limit', 'new']],
    ['?before=jwt', ['request-id', 'new', 'jwt', 'rate-limit']],
    ['?after=jwt', ['request-id', 'jwt', 'new', 'rate-limit']],
  ] as const) {
    const { ask, close } = await startAdmin(t)
    assert.equal((await ask('POST', `/admin/plugins${query}`, { body: fresh })).status, 201)
    assert.deepEqual(idsOf(await ask('GET', '/admin/plugins')), order, query)
    await close()
  }
})

test('a place that cannot be meant is refused', async (t) => {
  const { ask, control } = await startAdmin(t)
  for (const query of [
    '?before=nope',
    '?before=jwt&after=jwt',
    '?position=-1',
    '?position=x',
    '?positon=1',
  ]) {
    assert.equal((await ask('POST', `/admin/plugins${query}`, { body: fresh })).status, 400, query)
  }
  assert.equal((await ask('POST', '/admin/tenants?position=0', { body: { id: 'x' } })).status, 400)
  assert.equal((await ask('POST', '/admin/plugins', { body: { ...fresh, id: 'order' } })).status, 422)
  assert.equal(control.writes, 0)
})

test('the order is read, changed under its own tag, and must be a permutation', async (t) => {
  const { ask, control } = await startAdmin(t)
  const before = await ask('GET', '/admin/plugins/order')
  const etag = before.headers.get('etag') ?? ''
  assert.deepEqual(before.body, { order: ['request-id', 'jwt', 'rate-limit'] })
  for (const [order, pointer] of [
    [['jwt', 'request-id'], '/order'],
    [['jwt', 'jwt', 'request-id'], '/order/1'],
    [['jwt', 'request-id', 'rate-limit', 'nope'], '/order/3'],
    [['jwt', 1], '/order/1'],
    ['jwt', '/order'],
  ] as const) {
    const refused = await ask('PUT', '/admin/plugins/order', { body: { order } })
    assert.equal(refused.status, 422)
    assert.equal(refused.body.errors[0].pointer, pointer)
  }
  // Changing a plugin does not change the order's tag.
  await ask('POST', '/admin/plugins/jwt/disable')
  const order = ['jwt', 'rate-limit', 'request-id']
  const headers = { 'if-match': etag }
  const rehearsed = await ask('PUT', '/admin/plugins/order?dry_run=true', { body: { order }, headers })
  assert.deepEqual(rehearsed.body, { order, dry_run: true })
  const moved = await ask('PUT', '/admin/plugins/order', { role: 'operator', body: { order }, headers })
  assert.equal(moved.status, 200)
  assert.deepEqual(idsOf(await ask('GET', '/admin/plugins')), order)
  assert.equal((await ask('GET', '/admin/plugins/order')).headers.get('etag'), moved.headers.get('etag'))
  const late = await ask('PUT', '/admin/plugins/order', { body: { order: before.body.order }, headers })
  assert.equal(late.status, 412)
  assert.equal(control.writes, 2)
})

test('lists are filtered', async (t) => {
  const { ask } = await startAdmin(t)
  for (const [path, ids] of [
    ['/admin/plugins?plugin=jwt', ['jwt']],
    ['/admin/plugins?tenant=acme', ['rate-limit']],
    ['/admin/plugins?tenant=acme&plugin=jwt', []],
    ['/admin/routes?upstream=api', ['items']],
    ['/admin/routes?host=x', []],
    ['/admin/tenants?plan=pro', ['acme']],
    ['/admin/tenants?status=active', ['acme', 'globex']],
  ] as const) {
    assert.deepEqual(idsOf(await ask('GET', path)), ids, path)
  }
})
