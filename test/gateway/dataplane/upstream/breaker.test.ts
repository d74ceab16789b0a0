import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../../../gateway/dataplane/upstream/attempt.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { type Bench, caller, createBench, createUpstream } from './fixture.ts'

function createBroken(errorPercent = 50, over = {}): Bench {
  return createBench(
    createUpstream([1], {
      health: { active: null, passive: null },
      breaker: { maxConnections: 30, maxPending: 10, maxPerTenant: 0, errorPercent, ...over },
    }),
  )
}

function begin({ cluster, tries }: Bench): Endpoint {
  const endpoint = cluster.pick([], caller)
  assert.ok(endpoint !== null)
  tries.began(endpoint)
  return endpoint
}

function run(bench: Bench, count: number, outcome: Outcome): void {
  for (let i = 0; i < count; i++) bench.tries.ended(begin(bench), outcome)
}

test('the breaker opens at the error share, not before, and not below twenty results', () => {
  const few = createBroken()
  run(few, 19, 'connect-failure')
  assert.equal(few.cluster.enter(caller), 'ok')
  run(few, 1, 'connect-failure')
  assert.equal(few.cluster.enter(caller), 'open')

  const mixed = createBroken(50)
  run(mixed, 21, 'ok')
  run(mixed, 20, 'status-error')
  assert.equal(mixed.cluster.enter(caller), 'ok')
  run(mixed, 1, 'status-error')
  assert.equal(mixed.cluster.enter(caller), 'open')
})

test('every kind of failure counts, a client that left does not', () => {
  for (const outcome of ['status-error', 'connect-failure', 'reset', 'timeout'] as const) {
    const bench = createBroken()
    run(bench, 20, outcome)
    assert.equal(bench.cluster.enter(caller), 'open')
  }
  const left = createBroken()
  run(left, 100, 'cancelled')
  assert.equal(left.cluster.enter(caller), 'ok')
})

test('failures older than ten seconds are forgotten', () => {
  const bench = createBroken()
  run(bench, 19, 'reset')
  bench.clock.advance(11_000)
  run(bench, 19, 'reset')
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('errorPercent 0 turns the breaker off', () => {
  const bench = createBroken(0)
  run(bench, 1000, 'timeout')
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('after five seconds one probe at a time goes through, and three good ones close it', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(4999)
  assert.equal(bench.cluster.enter(caller), 'open')
  bench.clock.advance(1)
  for (let probe = 0; probe < 3; probe++) {
    assert.equal(bench.cluster.enter(caller), 'ok')
    const endpoint = begin(bench)
    assert.equal(bench.cluster.enter(caller), 'open', 'a second probe at once')
    bench.tries.ended(endpoint, 'ok')
  }
  run(bench, 1, 'timeout')
  for (let i = 0; i < 10; i++) begin(bench)
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('a probe that fails opens the breaker for another five seconds', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  assert.equal(bench.cluster.enter(caller), 'ok')
  run(bench, 1, 'connect-failure')
  bench.clock.advance(4999)
  assert.equal(bench.cluster.enter(caller), 'open')
  bench.clock.advance(1)
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('a probe whose client left makes room for the next one', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  assert.equal(bench.cluster.enter(caller), 'ok')
  run(bench, 1, 'cancelled')
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('a long stream is a good probe as soon as it is answered, and a hanging one blocks five seconds at most', () => {
  const bench = createBroken()
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  for (let probe = 0; probe < 3; probe++) {
    assert.equal(bench.cluster.enter(caller), 'ok')
    bench.tries.answered(begin(bench))
  }
  assert.equal(bench.cluster.enter(caller), 'ok')

  const hanging = createBroken()
  run(hanging, 20, 'timeout')
  hanging.clock.advance(5000)
  assert.equal(hanging.cluster.enter(caller), 'ok')
  begin(hanging)
  assert.equal(hanging.cluster.enter(caller), 'open')
  hanging.clock.advance(5000)
  assert.equal(hanging.cluster.enter(caller), 'ok')
})

test('time-outs of requests from before it opened do not keep the breaker open', () => {
  const bench = createBroken()
  const hanging = Array.from({ length: 5 }, () => begin(bench))
  run(bench, 20, 'timeout')
  bench.clock.advance(5000)
  assert.equal(bench.cluster.enter(caller), 'ok')
  for (const endpoint of hanging) bench.tries.ended(endpoint, 'timeout')
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('no retry is made while the breaker is not closed', () => {
  const bench = createBroken()
  assert.equal(bench.cluster.takeRetry(), true)
  run(bench, 20, 'timeout')
  assert.equal(bench.cluster.takeRetry(), false)
})

test('no more than maxConnections requests are under way', () => {
  const bench = createBroken(0)
  const begun: Endpoint[] = []
  for (let i = 0; i < 30; i++) {
    assert.equal(bench.cluster.enter(caller), 'ok')
    begun.push(begin(bench))
  }
  assert.equal(bench.cluster.enter(caller), 'busy')
  bench.tries.ended(begun[0] as Endpoint, 'ok')
  assert.equal(bench.cluster.enter(caller), 'ok')
})

test('an open breaker and the requests in flight survive a reload', () => {
  const before = createBroken()
  run(before, 20, 'reset')
  const after = createBench(before.cluster.config, 1, before)
  assert.equal(after.cluster.enter(caller), 'open')

  const busy = createBroken(0)
  const begun = Array.from({ length: 30 }, () => begin(busy))
  const next = createBench(busy.cluster.config, 1, busy)
  assert.equal(next.cluster.enter(caller), 'busy')
  busy.tries.ended(begun[0] as Endpoint, 'ok')
  assert.equal(next.cluster.enter(caller), 'ok')
})
