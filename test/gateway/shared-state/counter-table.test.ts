import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LimitCheck } from '../../../gateway/contract/ports.ts'
import {
  createCounterBuffer,
  createLocalCounters,
  readCounterStats,
} from '../../../gateway/shared-state/counter-table.ts'
import { createTestClock, type TestClock } from '../../support/clock.ts'
import { checkOf, testCounterStore } from './conformance.ts'

testCounterStore('local counters', () => {
  const clock = createMovableClock()
  return { store: createLocalCounters(createCounterBuffer({ slots: 1024 }), clock), advance: clock.move }
})

/** A test clock that can be set back too. */
function createMovableClock(): TestClock & { move(ms: number): void } {
  const clock = createTestClock()
  let offset = 0
  return {
    ...clock,
    monotonicMs: () => clock.monotonicMs() + offset,
    move: (ms) => {
      if (ms >= 0) clock.advance(ms)
      else offset += ms
    },
  }
}

function openSmall(slots = 16) {
  const clock = createTestClock()
  const buffer = createCounterBuffer({ slots })
  return { clock, buffer, store: createLocalCounters(buffer, clock) }
}

test('refuses a number of slots that is not a power of two, and a foreign buffer', () => {
  assert.throws(() => createCounterBuffer({ slots: 1000 }), /power of two from 16/)
  assert.throws(() => createCounterBuffer({ slots: 8 }), /power of two from 16/)
  assert.throws(
    () => createLocalCounters(new SharedArrayBuffer(4096), createTestClock()),
    /createCounterBuffer/,
  )
})

test('the default table takes 12 MB', () => {
  const bytes = createCounterBuffer().byteLength
  assert.ok(bytes < 12.1 * 2 ** 20, `${bytes}`)
})

test('two stores over one buffer share every counter, and two buffers none', () => {
  const { clock, buffer, store } = openSmall()
  const twin = createLocalCounters(buffer, clock)
  const stranger = createLocalCounters(createCounterBuffer({ slots: 16 }), clock)
  store.take([checkOf()])
  twin.take([checkOf()])
  assert.equal(store.peek(checkOf()).remaining, 8)
  assert.equal(stranger.peek(checkOf()).remaining, 10)
})

test('an expired counter gives way before any live one, and that is no eviction', () => {
  const { clock, buffer, store } = openSmall()
  store.take([checkOf({ key: 'short', windowMs: 1_000 })])
  for (let i = 0; i < 15; i++) store.take([checkOf({ key: `long ${i}`, windowMs: 60_000 })])
  clock.advance(1_000)
  store.take([checkOf({ key: 'new', windowMs: 60_000 })])
  assert.equal(readCounterStats(buffer).evictions, 0)
  for (let i = 0; i < 15; i++)
    assert.equal(store.peek(checkOf({ key: `long ${i}`, windowMs: 60_000 })).remaining, 9)
})

test('a flood of new keys evicts its own counters, not those of a client near its limit', () => {
  for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const) {
    const { clock, buffer, store } = openSmall()
    const busy: LimitCheck[] = []
    for (let i = 0; i < 8; i++)
      busy.push(checkOf({ key: `busy ${i}`, algorithm, limit: 100, windowMs: 60_000 }))
    for (let round = 0; round < 90; round++) for (const check of busy) store.take([check])
    clock.advance(10_000)
    const before = busy.map((check) => store.peek(check).remaining)
    for (let i = 0; i < 5_000; i++)
      store.take([checkOf({ key: `flood ${i}`, algorithm, limit: 100, windowMs: 60_000 })])
    assert.deepEqual(
      busy.map((check) => store.peek(check).remaining),
      before,
      algorithm,
    )
    assert.equal(readCounterStats(buffer).evictions, 5_000 - 8)
  }
})

test('the limits of one request do not evict each other', () => {
  const { store } = openSmall()
  for (let i = 0; i < 16; i++) store.take([checkOf({ key: `old ${i}`, cost: 9 })])
  const checks = Array.from({ length: 12 }, (_, i) => checkOf({ key: `limit ${i}` }))
  store.take(checks)
  for (const check of checks) assert.equal(store.peek(check).remaining, 9)
})

test('refused requests write nothing: no slot, no eviction', () => {
  const { buffer, store } = openSmall()
  store.take([checkOf({ key: 'full', limit: 1 })])
  for (let i = 0; i < 1_000; i++) {
    store.take([checkOf({ key: `fresh ${i}` }), checkOf({ key: 'full', limit: 1 })])
  }
  assert.equal(readCounterStats(buffer).evictions, 0)
})

test('stays exact at the largest limit and over a year of ticks', () => {
  const { clock, store } = openSmall()
  const year = 31_536_000_000
  const check = checkOf({
    algorithm: 'token-bucket',
    limit: 1_000_000_000,
    windowMs: year,
    cost: 1_000_000_000,
  })
  assert.equal(store.take([check])[0]?.allowed, true)
  const refused = store.take([{ ...check, cost: 1 }])[0]
  assert.equal(refused?.allowed, false)
  clock.advance(refused?.retryAfterMs ?? 0)
  assert.equal(store.take([{ ...check, cost: 1 }])[0]?.allowed, true)
  assert.equal(store.take([{ ...check, cost: 1_000 }])[0]?.allowed, false)
})
