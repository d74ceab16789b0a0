import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../../../gateway/dataplane/upstream/cluster.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { type Bench, createBench, createUpstream } from './fixture.ts'

function createBroken(errorPercent = 50, over = {}): Bench {
  return createBench(
    createUpstream([1], {
      health: { active: null, passive: null },
      breaker: { maxConnections: 20, maxPending: 10, maxPerTenant: 0, errorPercent, ...over },
    }),
  )
}

function begin({ cluster }: Bench): Endpoint {
  const endpoint = cluster.pick([])
  assert.ok(endpoint !== null)
  cluster.began(endpoint)
  return endpoint
}

function run(bench: Bench, count: number, outcome: Outcome): void {
  for (let i = 0; i < count; i++) bench.cluster.ended(begin(bench), outcome)
}

test('the breaker opens at the error share, not before, and not below twenty results', () => {
  const few = createBroken()
  run(few, 19, 'connect-failure')
  assert.equal(few.cluster.admit(), 'ok')
  run(few, 1, 'connect-failure')
  assert.equal(few.cluster.admit(), 'open')

  const mixed = createBroken(50)
  run(mixed, 21, 'ok')
  run(mixed, 20, 'status-error')
  assert.equal(mixed.cluster.admit(), 'ok')
  run(mixed, 1, 'status-error')
  assert.equal(mixed.cluster.admit(), 'open')
})

test('every kind of failure counts, a client that left does not', () => {
  for (const outcome of ['status-error', 'connect-failure', 'reset', 'timeout'] as const) {
    const bench = createBroken()
    run(bench, 20, outcome)
    assert.equal(bench.cluster.admit(), 'open')
  }
  const left = createBroken()
  run(left, 100, 'cancelled')
  assert.equal(left.cluster.admit(), 'ok')
})

test('failures older than ten seconds are forgotten', () => {
  const bench = createBroken()
  run(bench, 19, 'reset')
  bench.clock.advance(11_000)
  run(bench, 19, 'reset')
  assert.equal(bench.cluster.admit(), 'ok')
})

test('errorPercent 0 turns the breaker off', () => {
  const bench = createBroken(0)
  run(bench, 1000, 'timeout')
  assert.equal(bench.cluster.admit(), 'ok')
})

test('after five seconds one probe at a time goes through, and three good ones close it', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(4999)
  assert.equal(bench.cluster.admit(), 'open')
  bench.clock.advance(1)
  for (let probe = 0; probe < 3; probe++) {
    assert.equal(bench.cluster.admit(), 'ok')
    const endpoint = begin(bench)
    assert.equal(bench.cluster.admit(), 'open', 'a second probe at once')
    bench.cluster.ended(endpoint, 'ok')
  }
  run(bench, 1, 'timeout')
  for (let i = 0; i < 10; i++) begin(bench)
  assert.equal(bench.cluster.admit(), 'ok')
})

test('a probe that fails opens the breaker for another five seconds', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  assert.equal(bench.cluster.admit(), 'ok')
  run(bench, 1, 'connect-failure')
  bench.clock.advance(4999)
  assert.equal(bench.cluster.admit(), 'open')
  bench.clock.advance(1)
  assert.equal(bench.cluster.admit(), 'ok')
})

test('a probe whose client left makes room for the next one', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  assert.equal(bench.cluster.admit(), 'ok')
  run(bench, 1, 'cancelled')
  assert.equal(bench.cluster.admit(), 'ok')
})

test('a long stream is a good probe as soon as it is answered, and a hanging one blocks five seconds at most', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  for (let probe = 0; probe < 3; probe++) {
    assert.equal(bench.cluster.admit(), 'ok')
    bench.cluster.answered(begin(bench))
  }
  assert.equal(bench.cluster.admit(), 'ok')

  const hanging = createBroken()
  run(hanging, 20, 'timeout')
  hanging.clock.advance(5000)
  assert.equal(hanging.cluster.admit(), 'ok')
  begin(hanging)
  assert.equal(hanging.cluster.admit(), 'open')
  hanging.clock.advance(5000)
  assert.equal(hanging.cluster.admit(), 'ok')
})

test('time-outs of requests from before it opened do not keep the breaker open', () => {
  const bench = createBroken()
  const hanging = Array.from({ length: 5 }, () => begin(bench))
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  assert.equal(bench.cluster.admit(), 'ok')
  for (const endpoint of hanging) bench.cluster.ended(endpoint, 'timeout')
  assert.equal(bench.cluster.admit(), 'ok')
})

test('no retry is made while the breaker is not closed', () => {
  const bench = createBroken()
  assert.equal(bench.cluster.takeRetry(), true)
  run(bench, 20, 'timeout')
  assert.equal(bench.cluster.takeRetry(), false)
})

test('tries in flight are capped at maxConnections plus maxPending', () => {
  const bench = createBroken(0)
  const begun: Endpoint[] = []
  for (let i = 0; i < 30; i++) {
    assert.equal(bench.cluster.admit(), 'ok')
    begun.push(begin(bench))
  }
  assert.equal(bench.cluster.admit(), 'full')
  bench.cluster.ended(begun[0] as Endpoint, 'ok')
  assert.equal(bench.cluster.admit(), 'ok')
})

test('an open breaker and the requests in flight survive a reload', () => {
  const before = createBroken()
  run(before, 20, 'reset')
  const after = createBench(before.cluster.config, 1, before)
  assert.equal(after.cluster.admit(), 'open')

  const busy = createBroken(0)
  const begun = Array.from({ length: 30 }, () => begin(busy))
  const next = createBench(busy.cluster.config, 1, busy)
  assert.equal(next.cluster.admit(), 'full')
  busy.cluster.ended(begun[0] as Endpoint, 'ok')
  assert.equal(next.cluster.admit(), 'ok')
})
