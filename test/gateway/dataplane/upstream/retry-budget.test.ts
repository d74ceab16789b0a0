import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bench, caller, createBench, createUpstream } from './fixture.ts'

const attempts = 3

/** One request to an upstream of which nothing answers; gives the tries that were made. */
function requestInOutage({ cluster, tries: open }: Bench): number {
  assert.equal(cluster.enter(caller), 'ok')
  let tries = 0
  do {
    const endpoint = cluster.pick([], caller)
    assert.ok(endpoint !== null)
    open.began(endpoint)
    open.ended(endpoint, 'connect-failure')
    tries += 1
  } while (tries <= attempts && cluster.takeRetry())
  return tries
}

function createOutage(budgetPercent: number): Bench {
  return createBench(createUpstream([1, 1], { retry: { attempts, budgetPercent, on: ['connect-failure'] } }))
}

for (const perSecond of [3, 20, 500]) {
  test(`a total outage at ${perSecond} requests a second is tried at most 1.2 times as often`, () => {
    const bench = createOutage(20)
    let tries = 0
    for (let i = 0; i < perSecond * 60; i++) {
      tries += requestInOutage(bench)
      bench.clock.advance(1000 / perSecond)
    }
    const amplification = tries / (perSecond * 60)
    assert.ok(amplification <= 1.2, `amplification ${amplification}`)
    assert.ok(amplification > 1.15, `the budget is hardly used: ${amplification}`)
  })
}

test('a burst after silence gets no more than the budget either', () => {
  const bench = createOutage(20)
  let tries = 0
  for (let i = 0; i < 10_000; i++) tries += requestInOutage(bench)
  assert.ok(tries <= 12_000 && tries > 11_900, String(tries))
})

test('few requests can be retried all the same, five times in ten seconds', () => {
  const bench = createOutage(20)
  assert.equal(bench.cluster.enter(caller), 'ok')
  const taken = Array.from({ length: 7 }, () => bench.cluster.takeRetry())
  assert.deepEqual(taken, [true, true, true, true, true, false, false])
  bench.clock.advance(11_000)
  assert.equal(bench.cluster.takeRetry(), true)
})

test('a budget of 0 percent forbids retries', () => {
  assert.equal(createOutage(0).cluster.takeRetry(), false)
})

test('a reload does not refill the budget', () => {
  const before = createOutage(20)
  for (let i = 0; i < 5; i++) assert.equal(before.cluster.takeRetry(), true)
  const after = createBench(before.cluster.config, 1, before)
  assert.equal(after.cluster.takeRetry(), false)
})
