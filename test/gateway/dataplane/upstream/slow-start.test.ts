import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpstreamConfig } from '../../../../gateway/contract/snapshot.ts'
import { type Bench, caller, createBench, createUpstream, toState } from './fixture.ts'

const slowStartMs = 10_000
const balancer: UpstreamConfig['balancer'] = 'round-robin'

/** Of 2,000 picks, the share that the target of that index gets now. */
function shareOf(bench: Bench, index: number): number {
  const one = bench.cluster.endpoints[index]
  const picked = Array.from({ length: 2_000 }, () => bench.cluster.pick([], caller))
  return picked.filter((other) => other === one).length / picked.length
}

function near(found: number, due: number): void {
  assert.ok(Math.abs(found - due) < 0.03, `${found} instead of ${due}`)
}

/** The target at index 1, of two of the same weight, comes back now; it grows from a tenth to the whole. */
function assertRamp(bench: Bench): void {
  near(shareOf(bench, 1), 0.1 / 1.1)
  bench.clock.advance(5_000)
  near(shareOf(bench, 1), 0.5 / 1.5)
  bench.clock.advance(5_000)
  near(shareOf(bench, 1), 1 / 2)
}

test('targets that are there from the start share at once', () => {
  const bench = createBench(createUpstream([1, 1], { slowStartMs, balancer }))
  near(shareOf(bench, 1), 1 / 2)
})

test('a target that the active checks find healthy again starts slowly', () => {
  const bench = createBench(createUpstream([1, 1], { slowStartMs, balancer }))
  bench.cluster.applyHealth([toState(bench.cluster, 1, { healthy: false })])
  bench.clock.advance(60_000)
  bench.cluster.applyHealth([toState(bench.cluster, 1, { healthy: true })])
  assertRamp(bench)
})

test('a target that comes back from an ejection starts slowly', () => {
  const bench = createBench(createUpstream([1, 1], { slowStartMs, balancer }))
  const untilMs = bench.clock.monotonicMs() + 1_000
  bench.cluster.applyHealth([toState(bench.cluster, 1, { ejectedUntilMs: untilMs })])
  assert.equal(shareOf(bench, 1), 0)
  bench.clock.advance(1_000)
  assertRamp(bench)
})

test('a target that discovery or a reload adds to others starts slowly', () => {
  const { targets } = createUpstream([1, 1])
  const found = createBench(createUpstream([1], { slowStartMs, balancer }))
  found.cluster.setTargets(targets)
  assertRamp(found)
  const before = createBench(createUpstream([1], { slowStartMs, balancer }))
  assertRamp(createBench(createUpstream([1, 1], { slowStartMs, balancer }), 1, before))
})

test('the first targets of a discovered upstream share at once', () => {
  const bench = createBench(createUpstream([], { slowStartMs, balancer }))
  bench.cluster.setTargets(createUpstream([1, 1]).targets)
  near(shareOf(bench, 1), 1 / 2)
})

test('without slowStartMs everybody has the full weight at once', () => {
  const bench = createBench(createUpstream([1], { balancer }))
  bench.cluster.setTargets(createUpstream([1, 1]).targets)
  near(shareOf(bench, 1), 1 / 2)
})

test('requests in flight are held to the growing weight by least-request', () => {
  const busy = createBench(createUpstream([1, 1, 1, 1], { slowStartMs, balancer: 'least-request' }))
  busy.cluster.setTargets(createUpstream([1, 1, 1, 1, 1]).targets)
  for (let i = 0; i < 4_100; i++) {
    const one = busy.cluster.pick([], caller)
    if (one !== null) busy.tries.began(one)
  }
  const joined = busy.cluster.endpoints[4]?.inFlight ?? 0
  assert.ok(Math.abs(joined - 100) < 20, `${joined}`)
})

test('a weight that a reload changed grows too', () => {
  const before = createBench(createUpstream([1], { slowStartMs, balancer }))
  before.cluster.setTargets(createUpstream([1, 1]).targets)
  const after = createBench(createUpstream([1, 3], { slowStartMs, balancer }), 1, before)
  near(shareOf(after, 1), 0.3 / 1.3)
})
