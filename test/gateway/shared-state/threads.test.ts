// The table under several real threads: exact, free of deadlocks, and not wedged by threads that are killed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { LimitAlgorithm, LimitCheck } from '../../../gateway/contract/ports.ts'
import {
  createCounterBuffer,
  createLocalCounters,
  readCounterStats,
} from '../../../gateway/shared-state/counter-table.ts'
import { createTestClock } from '../../support/clock.ts'
import { checkOf } from './conformance.ts'
import type { Job } from './hammer-worker.ts'

const algorithms: readonly LimitAlgorithm[] = [
  'fixed-window',
  'sliding-window',
  'token-bucket',
  'leaky-bucket',
]
/** So long that nothing comes free while a test runs. */
const windowMs = 31_536_000_000

async function startWorkers(count: number, buffer: SharedArrayBuffer, job: Job) {
  const tally = new Int32Array(new SharedArrayBuffer(4 * 64))
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('./hammer-worker.ts', import.meta.url), { workerData: { buffer, job, tally } }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  return { workers, tally }
}

function release(tally: Int32Array) {
  Atomics.store(tally, 0, 1)
  Atomics.notify(tally, 0)
}

test('four threads that hammer the same keys let exactly the limit through, alone and in all-or-nothing pairs', async () => {
  const buffer = createCounterBuffer({ slots: 64 })
  const single = algorithms.map((algorithm) => [checkOf({ key: 'alone', algorithm, limit: 1_000, windowMs })])
  const shared = (algorithm: LimitAlgorithm) => checkOf({ key: 'shared', algorithm, limit: 1_500, windowMs })
  // Two takes share one wide limit, each under a narrow one of its own, named in opposite orders: 500 + 1000 pass.
  const pairs = algorithms.flatMap((algorithm) => [
    [checkOf({ key: 'narrow', algorithm, limit: 500, windowMs }), shared(algorithm)],
    [shared(algorithm), checkOf({ key: 'other', algorithm, limit: 1_200, windowMs })],
  ])
  const { workers, tally } = await startWorkers(4, buffer, {
    kind: 'hammer',
    takes: [...single, ...pairs],
    rounds: 600,
  })
  const exits = workers.map((worker) => once(worker, 'exit'))
  release(tally)
  await Promise.all(exits)

  const store = createLocalCounters(buffer, createTestClock())
  for (const [i, algorithm] of algorithms.entries()) {
    assert.equal(tally[1 + i], 1_000, algorithm)
    const [narrow, other] = [tally[5 + 2 * i] as number, tally[6 + 2 * i] as number]
    assert.equal(narrow + other, 1_500, `${algorithm}: the shared limit`)
    assert.ok(narrow <= 500 && other <= 1_200, `${algorithm}: ${narrow} and ${other}`)
    assert.equal(
      store.peek(checkOf({ key: 'narrow', algorithm, limit: 500, windowMs })).remaining,
      500 - narrow,
    )
    assert.equal(
      store.peek(checkOf({ key: 'other', algorithm, limit: 1_200, windowMs })).remaining,
      1_200 - other,
    )
  }
  assert.deepEqual(readCounterStats(buffer), { slots: 64, evictions: 0, takeovers: 0 })
})

test('a worker that dies with a lock in its hands does not wedge the others', async () => {
  const buffer = createCounterBuffer({ slots: 16 })
  const store = createLocalCounters(buffer, createTestClock())
  store.take([checkOf()])
  const { workers } = await startWorkers(1, buffer, { kind: 'hold' })
  await workers[0]?.terminate()
  assert.equal(store.take([checkOf()])[0]?.remaining, 8)
  assert.equal(readCounterStats(buffer).takeovers, 1)
  assert.equal(store.take([checkOf()])[0]?.remaining, 7)
  assert.equal(readCounterStats(buffer).takeovers, 1)
})

test('workers killed at any moment cost at most the request they were in', async () => {
  const buffer = createCounterBuffer({ slots: 16 })
  const pair: LimitCheck[] = [
    checkOf({ key: 'a', algorithm: 'sliding-window', limit: 1_000_000, windowMs }),
    checkOf({ key: 'b', algorithm: 'token-bucket', limit: 1_000_000, windowMs }),
  ]
  let counted = 0
  let kills = 0
  for (let round = 0; round < 6; round++) {
    const { workers, tally } = await startWorkers(2, buffer, {
      kind: 'hammer',
      takes: [pair],
      rounds: 400_000,
    })
    release(tally)
    while (Atomics.load(tally, 1) < 1_000 * (round + 1)) await new Promise((resolve) => setImmediate(resolve))
    await Promise.all(workers.map((worker) => worker.terminate()))
    kills += workers.length
    counted += tally[1] as number
  }
  const store = createLocalCounters(buffer, createTestClock())
  for (const check of pair) {
    const taken = 1_000_000 - store.peek(check).remaining
    assert.ok(
      taken >= counted && taken <= counted + kills,
      `${check.key}: ${taken} taken, ${counted} counted`,
    )
  }
})
