import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpstreamConfig } from '../../../../gateway/contract/snapshot.ts'
import type { Outcome } from '../../../../gateway/dataplane/upstream/attempt.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { type Bench, caller, createBench, createRandom, createUpstream, toState } from './fixture.ts'

function end({ tries }: Bench, endpoint: Endpoint, outcome: Outcome, times = 1): void {
  for (let i = 0; i < times; i++) {
    tries.began(endpoint)
    tries.ended(endpoint, outcome)
  }
}

function at(bench: Bench, index: number): Endpoint {
  const endpoint = bench.cluster.endpoints[index]
  assert.ok(endpoint !== undefined)
  return endpoint
}

function picks(bench: Bench, count = 60): Set<Endpoint | null> {
  return new Set(Array.from({ length: count }, () => bench.cluster.pick([], caller)))
}

const outcomes: readonly Outcome[] = [
  'ok',
  'status-error',
  'connect-failure',
  'reset',
  'timeout',
  'cancelled',
]

test('whatever happens, no pick is unhealthy or ejected, and requests in flight are counted exactly', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = createRandom(seed)
    const count = 1 + Math.floor(random() * 6)
    const bench = createBench(
      createUpstream(
        Array.from({ length: count }, () => 1 + Math.floor(random() * 5)),
        {
          balancer: random() < 0.5 ? 'round-robin' : 'least-request',
        },
      ),
      seed,
    )
    const open: Endpoint[] = []
    for (let step = 0; step < 400; step++) playOneStep(bench, open, random)
    for (const endpoint of bench.cluster.endpoints) {
      assert.equal(endpoint.inFlight, open.filter((one) => one === endpoint).length)
    }
  }
})

function playOneStep(bench: Bench, open: Endpoint[], random: () => number): void {
  const { cluster, clock } = bench
  const endpoints = cluster.endpoints
  const any = at(bench, Math.floor(random() * endpoints.length))
  const roll = random()
  if (roll < 0.4) {
    const picked = cluster.pick(random() < 0.3 ? [any] : [], caller)
    if (picked === null) {
      assert.ok(endpoints.every((one) => !one.healthy))
      return
    }
    assert.ok(picked.healthy && picked.ejectedUntilMs <= clock.monotonicMs())
    bench.tries.began(picked)
    open.push(picked)
  } else if (roll < 0.8) {
    const done = open.splice(Math.floor(random() * open.length), 1)[0] ?? any
    bench.tries.ended(done, outcomes[Math.floor(random() * outcomes.length)] ?? 'ok')
  } else if (roll < 0.9) {
    clock.advance(random() * 500)
  } else {
    const untilMs = random() < 0.3 ? clock.monotonicMs() + random() * 2000 : 0
    const state = { healthy: random() < 0.8, ejectedUntilMs: untilMs }
    cluster.applyHealth([toState(cluster, endpoints.indexOf(any), state)])
  }
  const now = clock.monotonicMs()
  const ejected = endpoints.filter((one) => one.ejectedUntilMs > now).length
  assert.ok(ejected <= Math.ceil(endpoints.length / 2))
  for (const one of endpoints) assert.ok(one.inFlight >= 0)
}

test('consecutive failures eject a target for ejectMs, and it is reported once', () => {
  const bench = createBench(createUpstream([1, 1, 1]))
  const bad = at(bench, 1)
  end(bench, bad, 'status-error', 2)
  end(bench, bad, 'ok')
  end(bench, bad, 'reset', 2)
  assert.ok(picks(bench).has(bad), 'not in a row')
  const now = bench.clock.monotonicMs()
  end(bench, bad, 'timeout', 3)
  assert.deepEqual(bench.ejected, [{ target: bad.url, untilMs: now + 1000 }])
  assert.ok(!picks(bench).has(bad))
  bench.clock.advance(1000)
  assert.ok(picks(bench).has(bad))
})

test('a client that leaves is no failure of the target', () => {
  const bench = createBench(createUpstream([1, 1]))
  end(bench, at(bench, 0), 'cancelled', 100)
  assert.equal(bench.ejected.length, 0)
})

test('a target that fails again after its return stays away longer each time, up to ten times ejectMs', () => {
  const bench = createBench(createUpstream([1, 1]))
  const bad = at(bench, 0)
  end(bench, bad, 'connect-failure', 2)
  const lengths: number[] = []
  for (let round = 0; round < 6; round++) {
    end(bench, bad, 'connect-failure')
    lengths.push(bad.ejectedUntilMs - bench.clock.monotonicMs())
    bench.clock.advance(lengths.at(-1) ?? 0)
  }
  assert.deepEqual(lengths, [1000, 2000, 4000, 8000, 10_000, 10_000])
  bench.clock.advance(10_001)
  end(bench, bad, 'connect-failure')
  assert.equal(bad.ejectedUntilMs - bench.clock.monotonicMs(), 1000)
})

test('a lone target and the last one left are never ejected', () => {
  const lone = createBench(createUpstream([1]))
  end(lone, at(lone, 0), 'connect-failure', 50)
  assert.deepEqual(lone.ejected, [])
  assert.equal(lone.cluster.pick([], caller), at(lone, 0))

  const three = createBench(createUpstream([1, 1, 1]))
  for (let i = 0; i < 3; i++) end(three, at(three, i), 'connect-failure', 10)
  assert.equal(three.ejected.length, 2)
  assert.equal(three.cluster.pick([], caller), at(three, 2))

  const half = createBench(createUpstream([1, 1, 1, 1, 1, 1]))
  for (let i = 0; i < 6; i++) end(half, at(half, i), 'connect-failure', 10)
  assert.equal(half.ejected.length, 3)
})

test('unhealthy targets are never picked, and when all are unhealthy there is no pick', () => {
  const bench = createBench(createUpstream([1, 1]))
  bench.cluster.applyHealth([toState(bench.cluster, 0, { healthy: false })])
  assert.deepEqual(picks(bench), new Set([at(bench, 1)]))
  bench.cluster.applyHealth([0, 1].map((index) => toState(bench.cluster, index, { healthy: false })))
  assert.equal(bench.cluster.pick([], caller), null)
  bench.cluster.applyHealth([toState(bench.cluster, 0, {})])
  assert.deepEqual(picks(bench), new Set([at(bench, 0)]))
})

test('an ejection gives way when the active checks take everybody else', () => {
  const bench = createBench(createUpstream([1, 1]))
  end(bench, at(bench, 0), 'timeout', 3)
  assert.deepEqual(picks(bench), new Set([at(bench, 1)]))
  bench.cluster.applyHealth([toState(bench.cluster, 1, { healthy: false })])
  assert.deepEqual(picks(bench), new Set([at(bench, 0)]))
})

test('an ejection of another worker is followed, but two workers together cannot eject everybody', () => {
  const bench = createBench(createUpstream([1, 1]))
  const untilMs = bench.clock.monotonicMs() + 700
  bench.cluster.applyHealth([toState(bench.cluster, 0, { ejectedUntilMs: untilMs })])
  assert.deepEqual(picks(bench), new Set([at(bench, 1)]))
  bench.cluster.applyHealth([0, 1].map((i) => toState(bench.cluster, i, { ejectedUntilMs: untilMs })))
  assert.deepEqual(picks(bench), new Set([at(bench, 1)]))
  assert.deepEqual(bench.ejected, [], 'not reported again')
  bench.clock.advance(700)
  assert.equal(picks(bench).size, 2)
})

test('one failure suffices after an ejection, wherever it was made', () => {
  const bench = createBench(createUpstream([1, 1]))
  const bad = at(bench, 0)
  bench.cluster.applyHealth([toState(bench.cluster, 0, { ejectedUntilMs: bench.clock.monotonicMs() + 500 })])
  bench.clock.advance(500)
  end(bench, bad, 'timeout')
  assert.deepEqual(
    bench.ejected.map((one) => one.untilMs),
    [bench.clock.monotonicMs() + 2000],
  )
})

test('a long stream that was answered clears the failures before it ends', () => {
  const bench = createBench(createUpstream([1, 1]))
  end(bench, at(bench, 0), 'timeout', 2)
  bench.tries.began(at(bench, 0))
  bench.tries.answered(at(bench, 0))
  end(bench, at(bench, 0), 'timeout', 2)
  assert.deepEqual(bench.ejected, [])
})

test('a reload without passive ejection lets everybody in again', () => {
  const before = createBench(createUpstream([1, 1]))
  end(before, at(before, 0), 'timeout', 3)
  const after = createBench(createUpstream([1, 1], { health: { active: null, passive: null } }), 1, before)
  after.cluster.applyHealth([0, 1].map((index) => toState(after.cluster, index, {})))
  assert.equal(picks(after).size, 2)
})

test('a feed that does not know a fresh ejection yet does not undo it', () => {
  const bench = createBench(createUpstream([1, 1]))
  end(bench, at(bench, 0), 'timeout', 3)
  bench.cluster.applyHealth([0, 1].map((index) => toState(bench.cluster, index, {})))
  assert.deepEqual(picks(bench), new Set([at(bench, 1)]))
})

test('health of another upstream with the same target changes nothing', () => {
  const bench = createBench(createUpstream([1, 1]))
  bench.cluster.applyHealth([toState(bench.cluster, 0, { upstream: 'other', healthy: false })])
  assert.equal(picks(bench).size, 2)
})

test('a reload keeps the endpoints of unchanged targets and forgets the others', () => {
  const config = createUpstream([1, 1, 1])
  const before = createBench(config)
  const [first, second, third] = before.cluster.endpoints
  before.tries.began(at(before, 0))
  before.cluster.applyHealth([toState(before.cluster, 1, { healthy: false })])
  const targets: UpstreamConfig['targets'] = [
    { url: 'http://127.0.0.1:9001', weight: 4 },
    { url: 'http://127.0.0.1:9000', weight: 1 },
    { url: 'http://127.0.0.1:9009', weight: 1 },
  ]
  const after = createBench({ ...config, targets }, 1, before)
  assert.equal(at(after, 1), first)
  assert.equal(at(after, 1).inFlight, 1)
  assert.notEqual(at(after, 0), second)
  assert.equal(at(after, 0).healthy, false)
  assert.equal(at(after, 0).weight, 4)
  assert.ok(!after.cluster.endpoints.includes(third as Endpoint))
  before.tries.ended(first as Endpoint, 'ok')
  assert.equal(at(after, 1).inFlight, 0)
})

test('making a cluster changes nothing of the one before, for the new config may still be refused', () => {
  const before = createBench(createUpstream([1, 1, 1]))
  end(before, at(before, 0), 'timeout', 3)
  before.cluster.applyHealth([toState(before.cluster, 1, { healthy: false })])
  const copy = structuredClone(before.cluster.endpoints)
  createBench(createUpstream([1], { health: { active: null, passive: null } }), 1, before)
  assert.deepEqual(before.cluster.endpoints, copy)
})

test('a target left alone by a reload is used although it was ejected', () => {
  const before = createBench(createUpstream([1, 1]))
  end(before, at(before, 0), 'timeout', 3)
  const after = createBench(createUpstream([1]), 1, before)
  assert.equal(after.cluster.pick([], caller), at(before, 0))
})
