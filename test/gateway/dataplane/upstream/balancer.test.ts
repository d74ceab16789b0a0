import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BalancerName } from '../../../../gateway/contract/snapshot.ts'
import { createBalancer } from '../../../../gateway/dataplane/upstream/balancer.ts'
import { createEndpoint, type Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { caller, createBench, createRandom, createUpstream } from './fixture.ts'

const names = ['round-robin', 'least-request'] as const

function balancerOf(
  balancer: BalancerName,
  random: () => number,
): (candidates: readonly Endpoint[]) => Endpoint {
  const balance = createBalancer({ balancer, hashKey: 'tenant' }, random)
  return (candidates) => balance(candidates, null, 0)
}

function shares(endpoints: readonly Endpoint[], picked: readonly Endpoint[]): number[] {
  return endpoints.map((one) => picked.filter((other) => other === one).length / picked.length)
}

test('round-robin spreads a heavy endpoint smoothly between the light ones', () => {
  const [a, b, c] = [createEndpoint('a', 5), createEndpoint('b', 1), createEndpoint('c', 1)]
  const balance = balancerOf('round-robin', Math.random)
  const sequence = Array.from({ length: 14 }, () => balance([a, b, c]).url).join('')
  assert.equal(sequence, 'aabacaaaabacaa')
})

test('round-robin keeps within one turn of the exact share at every point, for any weights', () => {
  const random = createRandom(7)
  for (let round = 0; round < 50; round++) {
    const endpoints = Array.from({ length: 2 + Math.floor(random() * 6) }, (_, index) =>
      createEndpoint(String(index), 1 + Math.floor(random() * 9)),
    )
    const total = endpoints.reduce((sum, one) => sum + one.weight, 0)
    const balance = balancerOf('round-robin', random)
    const counts = new Map<Endpoint, number>()
    for (let step = 1; step <= total * 2; step++) {
      const one = balance(endpoints)
      counts.set(one, (counts.get(one) ?? 0) + 1)
      for (const endpoint of endpoints) {
        const due = (step * endpoint.weight) / total
        assert.ok(Math.abs((counts.get(endpoint) ?? 0) - due) < endpoints.length)
      }
    }
    for (const endpoint of endpoints) assert.equal(counts.get(endpoint), endpoint.weight * 2)
  }
})

for (const name of names) {
  for (const weights of [
    [1, 1],
    [3, 1],
    [1, 2, 7],
    [1, 1, 1, 1, 1, 1],
    [5, 1, 1, 3],
    [10, 1, 1, 1, 1],
  ]) {
    test(`${name} gives idle endpoints of weights ${weights} their share`, () => {
      const endpoints = weights.map((weight, index) => createEndpoint(String(index), weight))
      const balance = balancerOf(name, createRandom(3))
      const picked = Array.from({ length: 20_000 }, () => balance(endpoints))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      const pairs = name === 'least-request' && weights.length > 3
      shares(endpoints, picked).forEach((share, index) => {
        const due = (weights[index] ?? 0) / total
        assert.ok(Math.abs(share - due) < (pairs ? 0.02 : 0.015), `${index}: ${share} instead of ${due}`)
      })
    })
  }
}

test('least-request fills endpoints in proportion to their weights when requests pile up', () => {
  for (const weights of [
    [1, 3],
    [4, 2, 2],
    [1, 1, 1, 1, 1, 1, 1, 1],
    [8, 4, 2, 1, 1],
  ]) {
    const endpoints = weights.map((weight, index) => createEndpoint(String(index), weight))
    const balance = balancerOf('least-request', createRandom(11))
    for (let i = 0; i < 4000; i++) balance(endpoints).inFlight += 1
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    endpoints.forEach((one) => {
      const due = (4000 * one.weight) / total
      assert.ok(Math.abs(one.inFlight - due) < due * 0.05 + 20, `${one.inFlight} instead of ${due}`)
    })
  }
})

test('least-request passes over a slow endpoint', () => {
  for (const count of [2, 3, 8]) {
    const endpoints = Array.from({ length: count }, (_, index) => createEndpoint(String(index), 1))
    const slow = endpoints[0] as Endpoint
    slow.inFlight = 50
    const balance = balancerOf('least-request', createRandom(5))
    const picked = Array.from({ length: 1000 }, () => balance(endpoints))
    assert.ok(!picked.includes(slow))
  }
})

test('a retry goes to an endpoint that was not tried, as long as there is one', () => {
  for (const balancer of names) {
    const { cluster } = createBench(createUpstream([5, 1, 1], { balancer }))
    for (let round = 0; round < 100; round++) {
      const tried: Endpoint[] = []
      for (let i = 0; i < 3; i++) {
        const one = cluster.pick(tried, caller)
        assert.ok(one !== null && !tried.includes(one))
        tried.push(one)
      }
      assert.ok(cluster.pick(tried, caller) !== null)
    }
  }
})
