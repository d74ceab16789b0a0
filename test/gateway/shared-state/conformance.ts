// What every counter store must do, for every algorithm. A store's test calls `testCounterStore` with a way to make it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CounterStore, LimitAlgorithm, LimitCheck } from '../../../gateway/contract/ports.ts'
import { createRandom, modelOf } from './models.ts'

export interface StoreUnderTest {
  readonly store: CounterStore
  /** Moves the clock that this store counts by; may go back. */
  advance(ms: number): void | Promise<void>
  close?(): void | Promise<void>
}
export type OpenStore = () => StoreUnderTest | Promise<StoreUnderTest>

const algorithms: readonly LimitAlgorithm[] = [
  'fixed-window',
  'sliding-window',
  'token-bucket',
  'leaky-bucket',
]
const shapes = [
  ...algorithms.map((algorithm) => ({ algorithm, shape: false })),
  { algorithm: 'leaky-bucket' as const, shape: true },
]

export function checkOf(over: Partial<LimitCheck> = {}): LimitCheck {
  return {
    key: 'k',
    algorithm: 'fixed-window',
    limit: 10,
    windowMs: 10_000,
    burst: 0,
    cost: 1,
    shape: false,
    ...over,
  }
}

export function testCounterStore(name: string, open: OpenStore): void {
  describe(name, () => {
    for (const kind of shapes) {
      describe(kind.algorithm + (kind.shape ? ' as a shaper' : ''), () => testAlgorithm(open, kind))
    }
    testBuckets(open)
    testShaper(open)
    testSeveralLimits(open)
  })
}

type Kind = Pick<LimitCheck, 'algorithm' | 'shape'>

function testAlgorithm(open: OpenStore, kind: Kind): void {
  const it = (title: string, body: (under: StoreUnderTest) => Promise<void>) =>
    test(title, async () => {
      const under = await open()
      try {
        await body(under)
      } finally {
        await under.close?.()
      }
    })

  it('lets exactly its limit through at once', async ({ store }) => {
    const check = checkOf({ ...kind, limit: 100 })
    const answers = await Promise.all(Array.from({ length: 300 }, () => takeOne(store, check)))
    assert.equal(answers.filter((state) => state.allowed).length, 100)
  })

  it('counts what remains down to zero and never below', async ({ store }) => {
    const check = checkOf({ ...kind, limit: 3 })
    const remaining: number[] = []
    for (let i = 0; i < 5; i++) remaining.push((await takeOne(store, check)).remaining)
    assert.deepEqual(remaining, [2, 1, 0, 0, 0])
  })

  it('tells a refused request the wait after which it passes, and not a millisecond too much', async ({
    store,
    advance,
  }) => {
    const check = checkOf({ ...kind, limit: 7, windowMs: 10_000 })
    while ((await takeOne(store, check)).allowed);
    const { retryAfterMs, allowed } = await takeOne(store, check)
    assert.equal(allowed, false)
    assert.ok(retryAfterMs > 0 && retryAfterMs <= 10_000, `${retryAfterMs}`)
    await advance(retryAfterMs - 1)
    assert.equal((await takeOne(store, check)).allowed, false)
    await advance(1)
    assert.equal((await takeOne(store, check)).allowed, true)
  })

  it('is wholly free again after resetMs', async ({ store, advance }) => {
    const check = checkOf({ ...kind, limit: 5 })
    const { resetMs } = await takeOne(store, check)
    await advance(resetMs)
    assert.deepEqual(await store.peek(check), {
      allowed: true,
      remaining: 5,
      resetMs: 0,
      retryAfterMs: 0,
      delayMs: 0,
    })
  })

  it('never names a wait longer than its window, on a clock with fractions', async ({ store, advance }) => {
    const check = checkOf({ ...kind, limit: 1, windowMs: 3_600_000 })
    for (let i = 0; i < 50; i++) {
      await advance(91.237_619_3)
      const first = await takeOne(store, { ...check, key: `${i}` })
      const second = await takeOne(store, { ...check, key: `${i}` })
      assert.ok(first.resetMs <= 3_600_000 && second.retryAfterMs <= 3_600_000, `${first.resetMs}`)
    }
  })

  it('takes the cost of a request, or nothing of it', async ({ store }) => {
    const check = checkOf({ ...kind, limit: 10, cost: 4 })
    assert.equal((await takeOne(store, check)).remaining, 6)
    assert.equal((await takeOne(store, check)).remaining, 2)
    const refused = await takeOne(store, check)
    assert.deepEqual([refused.allowed, refused.remaining], [false, 2])
    assert.equal((await takeOne(store, { ...check, cost: 2 })).allowed, true)
  })

  it('refuses a cost above its capacity with a finite wait and takes nothing', async ({ store }) => {
    const refused = await takeOne(store, checkOf({ ...kind, limit: 3, cost: 4 }))
    assert.equal(refused.allowed, false)
    assert.equal(refused.retryAfterMs, 10_000)
    assert.equal((await store.peek(checkOf({ ...kind, limit: 3 }))).remaining, 3)
  })

  it('refuses everything when the limit is zero', async ({ store }) => {
    const refused = await takeOne(store, checkOf({ ...kind, limit: 0, burst: 5 }))
    assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, 10_000])
  })

  it('answers a peek without taking anything', async ({ store }) => {
    const check = checkOf({ ...kind, limit: 2 })
    await takeOne(store, check)
    for (let i = 0; i < 3; i++) assert.equal((await store.peek(check)).remaining, 1)
    await takeOne(store, check)
    const full = await store.peek(check)
    assert.deepEqual([full.allowed, full.remaining], [false, 0])
    assert.ok(full.retryAfterMs > 0)
  })

  it('forgets a counter on reset, and only that one', async ({ store }) => {
    const check = checkOf({ ...kind, limit: 1 })
    await takeOne(store, check)
    await takeOne(store, { ...check, key: 'other' })
    await store.reset(check)
    await store.reset({ ...check, key: 'never seen' })
    assert.equal((await store.peek(check)).remaining, 1)
    assert.equal((await store.peek({ ...check, key: 'other' })).remaining, 0)
  })

  it('keeps its count when the limit is changed', async ({ store }) => {
    for (let i = 0; i < 8; i++) await takeOne(store, checkOf({ ...kind, limit: 10 }))
    assert.equal((await store.peek(checkOf({ ...kind, limit: 20 }))).remaining, 12)
    const lower = await store.peek(checkOf({ ...kind, limit: 5 }))
    assert.deepEqual([lower.allowed, lower.remaining], [false, 0])
  })

  it('makes nobody pay a debt when the limit is lowered', async ({ store }) => {
    for (let i = 0; i < 100; i++) await takeOne(store, checkOf({ ...kind, limit: 100 }))
    const check = checkOf({ ...kind, limit: 2 })
    const refused = await takeOne(store, check)
    assert.equal(refused.allowed, false)
    assert.ok(refused.retryAfterMs <= check.windowMs)
  })

  it('neither locks out nor gives away when the clock is set back', async ({ store, advance }) => {
    const check = checkOf({ ...kind, limit: 4 })
    await advance(500_000)
    for (let i = 0; i < 4; i++) await takeOne(store, check)
    await advance(-5)
    assert.equal((await takeOne(store, check)).allowed, false)
    await advance(-400_000)
    const refused = await takeOne(store, check)
    assert.equal(refused.allowed, false)
    assert.ok(refused.retryAfterMs <= check.windowMs)
    await advance(refused.retryAfterMs)
    assert.equal((await takeOne(store, check)).allowed, true)
  })

  it('gives no credit twice when threads are served in another order than they read the clock', async ({
    store,
    advance,
  }) => {
    const check = checkOf({ ...kind, limit: 10, windowMs: 1_000 })
    await advance(500_000)
    for (let i = 0; i < 10; i++) await takeOne(store, check)
    let passed = 0
    for (let i = 0; i < 100; i++) {
      await advance(i % 2 === 0 ? 100 : -100)
      if ((await takeOne(store, check)).allowed) passed++
    }
    assert.ok(passed <= 1, `${passed} passed within 100 ms`)
  })

  it('agrees with a naive exact model over random times and costs', async ({ store, advance }) => {
    for (let seed = 1; seed <= 40; seed++) await compareWithModel(store, advance, kind, seed)
  })
}

async function compareWithModel(
  store: CounterStore,
  advance: StoreUnderTest['advance'],
  kind: Kind,
  seed: number,
) {
  const random = createRandom(seed * 7919)
  const limit = 1 + random(30)
  const check = checkOf({
    ...kind,
    key: `model ${seed}`,
    limit,
    windowMs: 1 + random(5_000),
    burst: random(2) * (1 + random(40)),
  })
  const model = modelOf(check)
  const mostCost = Math.min(4, check.burst > 0 ? Math.min(check.burst, limit) : limit)
  // The first move makes the model's zero and the store's differ by less than matters: nothing was taken before.
  let nowMs = 1_000_000
  for (let step = 0; step < 200; step++) {
    const wait = random(3) === 0 ? random(check.windowMs) : random(1 + Math.ceil(check.windowMs / limit))
    nowMs += wait
    await advance(wait)
    const cost = 1 + random(mostCost)
    const expected = model.take(nowMs, cost)
    const { allowed } = await takeOne(store, { ...check, cost })
    if (expected === 'either') {
      if (allowed) model.took(nowMs, cost)
    } else {
      assert.equal(allowed, expected, `seed ${seed}, step ${step}, ${JSON.stringify({ ...check, cost })}`)
    }
  }
}

function testBuckets(open: OpenStore): void {
  for (const algorithm of ['token-bucket', 'leaky-bucket'] as const) {
    test(`${algorithm}: burst is the size of the bucket, limit the rate at which it comes free`, async () => {
      const { store, advance, close } = await open()
      const check = checkOf({ algorithm, limit: 100, windowMs: 60_000, burst: 10 })
      assert.equal(await countAllowed(store, check, 50), 10)
      await advance(600)
      assert.equal(await countAllowed(store, check, 50), 1)
      await advance(6_000)
      assert.equal(await countAllowed(store, check, 50), 10)
      await advance(3_600_000)
      assert.equal(await countAllowed(store, check, 50), 10)
      await close?.()
    })
  }

  test('sliding-window: no window of its length ever holds more than the limit', async () => {
    const { store, advance, close } = await open()
    const check = checkOf({ algorithm: 'sliding-window', limit: 20, windowMs: 1_000 })
    const random = createRandom(4242)
    const passed: number[] = []
    for (let nowMs = 0, step = 0; step < 3_000; step++) {
      const wait = random(60)
      nowMs += wait
      await advance(wait)
      if ((await takeOne(store, check)).allowed) passed.push(nowMs)
    }
    for (let i = 20; i < passed.length; i++) {
      assert.ok((passed[i] as number) - (passed[i - 20] as number) >= 1_000, `request ${i}`)
    }
    await close?.()
  })
}

function testShaper(open: OpenStore): void {
  test('a shaper spaces requests evenly, in the order they came, and refuses past its queue', async () => {
    const { store, advance, close } = await open()
    const check = checkOf({ algorithm: 'leaky-bucket', shape: true, limit: 10, windowMs: 1_000, burst: 4 })
    const states = []
    for (let i = 0; i < 6; i++) states.push(await takeOne(store, check))
    assert.deepEqual(
      states.map((state) => (state.allowed ? Math.round(state.delayMs) : 'refused')),
      [0, 100, 200, 300, 'refused', 'refused'],
    )
    await advance(100)
    assert.equal(Math.round((await takeOne(store, check)).delayMs), 300)
    await close?.()
  })
}

function testSeveralLimits(open: OpenStore): void {
  test('takes of several limits all or none, and says which refused', async () => {
    for (const first of shapes) {
      for (const second of shapes) {
        const { store, close } = await open()
        const wide = checkOf({ ...first, key: 'wide', limit: 50 })
        const narrow = checkOf({ ...second, key: 'narrow', limit: 5 })
        for (let i = 0; i < 20; i++) await store.take([wide, narrow])
        const states = await store.take([wide, narrow])
        assert.deepEqual(
          states.map((state) => state.allowed),
          [true, false],
        )
        assert.deepEqual(
          states.map((state) => state.remaining),
          [45, 0],
        )
        assert.equal((await store.peek(wide)).remaining, 45)
        await close?.()
      }
    }
  })

  test('counts a key that is named twice in one take twice', async () => {
    const { store, close } = await open()
    const check = checkOf({ limit: 5 })
    assert.deepEqual(
      (await store.take([check, check])).map((state) => state.remaining),
      [4, 3],
    )
    await store.take([check, check])
    assert.equal(
      (await store.take([check, check])).some((state) => !state.allowed),
      true,
    )
    assert.equal((await store.peek(check)).remaining, 1)
    await close?.()
  })

  test('keeps keys apart, and one key under two algorithms', async () => {
    const { store, close } = await open()
    for (const algorithm of algorithms) {
      for (const key of ['a', 'b', 'aa', '']) {
        assert.equal(await countAllowed(store, checkOf({ key, algorithm, limit: 3 }), 5), 3)
      }
    }
    await close?.()
  })

  test('answers a take of nothing with nothing', async () => {
    const { store, close } = await open()
    assert.deepEqual(await store.take([]), [])
    await close?.()
  })
}

async function takeOne(store: CounterStore, check: LimitCheck) {
  const [state] = await store.take([check])
  assert.ok(state)
  return state
}

async function countAllowed(store: CounterStore, check: LimitCheck, tries: number): Promise<number> {
  let allowed = 0
  for (let i = 0; i < tries; i++) if ((await takeOne(store, check)).allowed) allowed++
  return allowed
}
