import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBalancer } from '../../../../gateway/dataplane/upstream/balancer.ts'
import { createEndpoint, type Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { createTenant, createView } from '../../../support/view.ts'

const keys = 20_000
const balance = createBalancer({ balancer: 'hash', hashKey: 'header:x-key' }, Math.random)

function createEndpoints(weights: readonly number[]): Endpoint[] {
  return weights.map((weight, index) => createEndpoint(`http://10.0.0.${index}:8080`, weight))
}

function pickFor(endpoints: readonly Endpoint[], key: number): Endpoint {
  return balance(endpoints, createView({ requestHeaders: { 'x-key': `key-${key}` } }), 0)
}

/** Nothing is in flight: every key gets the endpoint that it belongs to. */
function homesOf(endpoints: readonly Endpoint[]): string[] {
  return Array.from({ length: keys }, (_, key) => pickFor(endpoints, key).url)
}

for (const weights of [[1, 1], [1, 1, 1, 1, 1], [5, 3, 2], [100, 1], Array.from({ length: 50 }, () => 1)]) {
  test(`the hash gives ${weights.length} endpoints of weights ${weights.slice(0, 5)} their share of the keys`, () => {
    const endpoints = createEndpoints(weights)
    const homes = homesOf(endpoints)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    endpoints.forEach(({ url, weight }) => {
      const due = (keys * weight) / total
      const found = homes.filter((home) => home === url).length
      // Five standard deviations of a binomial count.
      const spread = 5 * Math.sqrt(due * (1 - weight / total))
      assert.ok(Math.abs(found - due) < spread, `${url}: ${found} instead of ${due}`)
    })
  })
}

test('when an endpoint leaves, only its own keys move; when it comes back, they are all back', () => {
  const endpoints = createEndpoints([1, 1, 1, 1, 1])
  const before = homesOf(endpoints)
  const gone = endpoints[2] as Endpoint
  const without = homesOf(endpoints.filter((one) => one !== gone))
  for (let key = 0; key < keys; key++) {
    if (before[key] !== gone.url) assert.equal(without[key], before[key])
    else assert.notEqual(without[key], gone.url)
  }
  assert.deepEqual(homesOf(endpoints.toReversed()), before, 'the order of the targets does not matter')
})

test('when an endpoint joins, it takes its share and nothing else moves', () => {
  const endpoints = createEndpoints([1, 1, 1, 1])
  const before = homesOf(endpoints)
  const joined = createEndpoint('http://10.0.0.9:8080', 1)
  const after = homesOf([...endpoints, joined])
  const moved = after.filter((home, key) => home !== before[key])
  assert.ok(moved.every((home) => home === joined.url))
  assert.ok(Math.abs(moved.length / keys - 1 / 5) < 0.015)
})

test('a change of weight moves keys only from or to that endpoint', () => {
  const endpoints = createEndpoints([2, 2, 2])
  const before = homesOf(endpoints)
  const heavier = endpoints[0] as Endpoint
  heavier.share = 4
  const after = homesOf(endpoints)
  assert.ok(after.every((home, key) => home === before[key] || home === heavier.url))
})

for (const skew of ['one key', 'few keys', 'many keys'] as const) {
  test(`no endpoint ever has more than 1.25 times its share under way, rounded up, with ${skew}`, () => {
    const endpoints = createEndpoints([1, 1, 2, 4])
    const spread = { 'one key': 1, 'few keys': 3, 'many keys': 10_000 }[skew]
    for (let inFlight = 1; inFlight <= 2_000; inFlight++) {
      const picked = pickFor(endpoints, inFlight % spread)
      picked.inFlight += 1
      const most = Math.ceil((1.25 * inFlight * picked.weight) / 8)
      assert.ok(picked.inFlight <= most, `${picked.inFlight} of ${inFlight}, more than ${most}`)
    }
    const total = endpoints.reduce((sum, one) => sum + one.inFlight, 0)
    assert.equal(total, 2_000)
  })
}

test('a key whose endpoint is full goes to the same second one each time, and home again when there is room', () => {
  const endpoints = createEndpoints([1, 1, 1, 1])
  const home = pickFor(endpoints, 7)
  home.inFlight = 10
  const second = new Set(Array.from({ length: 20 }, () => pickFor(endpoints, 7)))
  assert.equal(second.size, 1)
  assert.ok(!second.has(home))
  home.inFlight = 0
  assert.equal(pickFor(endpoints, 7), home)
})

const endpoints = createEndpoints(Array.from({ length: 64 }, () => 1))
const ada = { userId: 'ada', tenantId: 'acme', roles: [], permissions: [], claims: {}, expiresAt: Infinity }
const acme = createTenant('acme')
const globex = createTenant('globex')
const home = { tenant: acme, identity: ada, clientIp: '192.0.2.1', requestHeaders: { cookie: 'sid=1; x=y' } }
/** Each row: the key, a request with the same key as `home`, one with another. */
for (const [hashKey, same, other] of [
  ['tenant', { tenant: acme, clientIp: '192.0.2.2' }, { ...home, tenant: globex }],
  ['user', { ...home, clientIp: '192.0.2.2' }, { ...home, identity: { ...ada, userId: 'bob' } }],
  ['user', { ...home, requestHeaders: {} }, { ...home, tenant: globex }],
  ['ip', { clientIp: '192.0.2.1' }, { ...home, clientIp: '192.0.2.2' }],
  [
    'cookie:sid',
    { requestHeaders: { cookie: 'a=b;sid=1' } },
    { ...home, requestHeaders: { cookie: 'sid=2' } },
  ],
  ['cookie:none', { clientIp: '192.0.2.1' }, { ...home, clientIp: '192.0.2.3' }],
  ['header:X-None', { clientIp: '192.0.2.1' }, { ...home, clientIp: '192.0.2.3' }],
] as const) {
  test(`requests are told apart by ${hashKey}, else by address`, () => {
    const byKey = createBalancer({ balancer: 'hash', hashKey }, Math.random)
    const target = byKey(endpoints, createView(home), 0)
    assert.equal(byKey(endpoints, createView(same), 0), target)
    assert.notEqual(byKey(endpoints, createView(other), 0), target)
  })
}
