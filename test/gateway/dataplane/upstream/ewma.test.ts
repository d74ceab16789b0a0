import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBalancer } from '../../../../gateway/dataplane/upstream/balancer.ts'
import { createEndpoint, type Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { latencyAt, observeLatency } from '../../../../gateway/dataplane/upstream/latency.ts'
import { createRandom } from './fixture.ts'

test('a slower answer counts at once and in full, faster ones only as time goes by', () => {
  const one = { latencyMs: 0, latencyAtMs: 0 }
  observeLatency(one, 10, 1_000)
  observeLatency(one, 400, 1_000)
  assert.equal(latencyAt(one, 1_000), 400)
  observeLatency(one, 10, 1_000)
  assert.equal(latencyAt(one, 1_000), 400, 'no time has passed')
  for (let nowMs = 1_100; nowMs <= 11_000; nowMs += 100) observeLatency(one, 10, nowMs)
  assert.ok(latencyAt(one, 11_000) < 200)
  for (let nowMs = 11_100; nowMs <= 61_000; nowMs += 100) observeLatency(one, 10, nowMs)
  assert.ok(Math.abs(latencyAt(one, 61_000) - 10) < 1)
})

test('what is known fades, so that an endpoint that was slow is tried again', () => {
  const [slow, fast] = [createEndpoint('slow', 1), createEndpoint('fast', 1)]
  observeLatency(slow, 1_000, 0)
  const balance = createBalancer({ balancer: 'ewma', hashKey: 'ip' }, createRandom(1))
  const pick = (nowMs: number) => {
    observeLatency(fast, 20, nowMs)
    return balance([slow, fast], null, nowMs)
  }
  assert.equal(pick(1_000), fast)
  assert.equal(pick(20_000), fast)
  assert.equal(pick(60_000), slow)
})

test('an endpoint of which nothing is known gets one request at first, not all', () => {
  const known = createEndpoint('known', 1)
  const fresh = createEndpoint('fresh', 1)
  observeLatency(known, 500, 0)
  const balance = createBalancer({ balancer: 'ewma', hashKey: 'ip' }, createRandom(1))
  const picked = Array.from({ length: 5 }, () => {
    const one = balance([known, fresh], null, 0)
    one.inFlight += 1
    return one.url
  })
  assert.deepEqual(picked, ['fresh', 'known', 'known', 'known', 'known'])
})

/** A queue of ten seconds: each endpoint serves one request at a time, in `serviceMs` each; arrivals every `everyMs`. */
function simulate(balancer: 'ewma' | 'round-robin', serviceMs: readonly number[], everyMs: number): number[] {
  const endpoints = serviceMs.map((ms, index) => createEndpoint(`${index}:${ms}`, 1))
  const freeAt = new Map<Endpoint, number>()
  const balance = createBalancer({ balancer, hashKey: 'ip' }, createRandom(3))
  const ends: { atMs: number; one: Endpoint; tookMs: number }[] = []
  const latencies: number[] = []
  for (let nowMs = 0; nowMs < 10_000; nowMs += everyMs) {
    for (const end of ends.filter(({ atMs }) => atMs <= nowMs)) {
      ends.splice(ends.indexOf(end), 1)
      end.one.inFlight -= 1
      observeLatency(end.one, end.tookMs, end.atMs)
    }
    const one = balance(endpoints, null, nowMs)
    const service = serviceMs[endpoints.indexOf(one)] as number
    const atMs = Math.max(freeAt.get(one) ?? 0, nowMs) + service
    freeAt.set(one, atMs)
    one.inFlight += 1
    ends.push({ atMs, one, tookMs: atMs - nowMs })
    latencies.push(atMs - nowMs)
  }
  return latencies.toSorted((a, b) => a - b)
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(sorted.length * share)] ?? 0

for (const services of [
  [10, 10, 10, 200],
  [10, 100],
  [5, 5, 5, 5, 5, 5, 5, 300],
]) {
  test(`with servers of ${services} ms, ewma keeps nine in ten requests off the slow one, unlike round-robin`, () => {
    const everyMs = 10
    const turns = simulate('round-robin', services, everyMs)
    const ewma = simulate('ewma', services, everyMs)
    assert.ok(at(turns, 0.9) > 1_000, `round-robin: ${at(turns, 0.9)} ms`)
    assert.ok(at(ewma, 0.9) < 100, `ewma: ${at(ewma, 0.9)} ms`)
  })
}
