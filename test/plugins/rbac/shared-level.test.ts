import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SharedCache } from '../../../gateway/contract/ports.ts'
import { createTestClock } from '../../support/clock.ts'
import { type Caller, createRequest, createStage, type Stage, settled } from './setup.ts'

interface TestCache extends SharedCache {
  readonly entries: Map<string, { value: string; ttlMs: number }>
  /** Thrown by every call when set. */
  failure: Error | null
  /** Called before a read answers. */
  onRead: (() => void) | null
  hangs: boolean
}

/** Keeps its promises in the plainest way: one epoch for all scopes. */
function createTestCache(): TestCache {
  const entries = new Map<string, { value: string; ttlMs: number; seal: string }>()
  let purges = 0
  // As a store that keeps UTF-8 does.
  const toKey = (scope: readonly string[], name = '') =>
    Buffer.from([...scope, ''].join('/') + name).toString()
  const cache: TestCache = {
    entries,
    failure: null,
    onRead: null,
    hangs: false,
    async read(scope, names) {
      if (cache.hangs) await new Promise(() => {})
      if (cache.failure !== null) throw cache.failure
      const values = names.map((name) => entries.get(toKey(scope, name))?.value ?? null)
      const seal = `${purges}`
      await settled()
      cache.onRead?.()
      return { seal, values }
    },
    async write(scope, name, value, { seal, ttlMs }) {
      if (cache.failure !== null) throw cache.failure
      if (seal === `${purges}`) entries.set(toKey(scope, name), { value, ttlMs, seal })
    },
    async purge(scope) {
      if (cache.failure !== null) throw cache.failure
      purges += 1
      for (const key of entries.keys()) if (key.startsWith(toKey(scope))) entries.delete(key)
    },
  }
  return cache
}

/** Workers of one gateway: one clock, one shared cache, each its own level. */
function createWorkers(config: Record<string, unknown> = {}) {
  const cache = createTestCache()
  const clock = createTestClock()
  const one = createStage(config, { sharedCache: cache, clock })
  const two = createStage(config, { sharedCache: cache, clock })
  return { cache, clock, one, two }
}

async function learn(stage: Stage, body: unknown, caller: Caller = {}): Promise<number> {
  const status = stage.status(createRequest(caller))
  await settled()
  await settled()
  await stage.asked.at(-1)?.answer(body)
  return status
}

describe('the shared level', () => {
  test('spares another worker the question', async () => {
    const { one, two, cache } = createWorkers()
    assert.equal(await learn(one, { allowed: true, permissions: ['orders:read'], ttl: 60 }), 200)
    assert.equal(await two.status(createRequest()), 200)
    assert.equal(await two.status(createRequest({ resource: 'orders' })), 200)
    assert.equal(two.asked.length, 0)
    assert.equal(two.status(createRequest()), 200, 'from its own level now')
    const { recorded } = two.ports
    assert.equal(recorded.get('aegis_rbac_cache_total{shared,hit}'), 1)
    assert.equal(recorded.get('aegis_rbac_cache_total{worker,miss}'), 1)
    assert.equal(one.ports.recorded.get('aegis_rbac_cache_total{shared,miss}'), 1)
    for (const { ttlMs } of cache.entries.values()) assert.equal(ttlMs, 60_000)
  })

  test('shares denials for their shorter time', async () => {
    const { one, two, cache, clock } = createWorkers({ negativeTtlSeconds: 4 })
    assert.equal(await learn(one, { allowed: false, ttl: 60 }), 403)
    assert.deepEqual(
      [...cache.entries.values()].map(({ ttlMs }) => ttlMs),
      [4_000],
    )
    clock.advance(3_000)
    assert.equal(await two.status(createRequest()), 403)
    clock.advance(1_000)
    assert.equal(await learn(two, { allowed: true }), 200)
  })

  test('hands on no longer life than is left, even when the store forgets to end it', async () => {
    const { one, two, clock } = createWorkers()
    await learn(one, { allowed: true, ttl: 10 })
    clock.advance(9_000)
    assert.equal(await two.status(createRequest()), 200)
    clock.advance(1_000)
    assert.equal(await learn(two, { allowed: false }), 403)
  })

  test('holds no answer that may not be kept', async () => {
    const { one, cache } = createWorkers()
    await learn(one, { allowed: true, permissions: ['*'], ttl: 0 })
    assert.equal(cache.entries.size, 0)
  })

  test('keeps tenants, users, roles, upstreams and instances apart', async () => {
    const { one, two, cache, clock } = createWorkers()
    await learn(one, { allowed: true, permissions: ['*'], ttl: 60 }, { roles: ['a'] })
    const others: Caller[] = [
      { roles: ['a'], tenant: 'beta' },
      { roles: ['a'], tenant: null },
      { roles: ['a'], user: 'u2' },
      { roles: [] },
      { roles: ['a'], upstream: 'other' },
    ]
    for (const caller of others)
      assert.equal(await learn(two, { allowed: false }, caller), 403, JSON.stringify(caller))
    const third = createStage({}, { sharedCache: cache, clock, id: 'other-instance' })
    assert.equal(await learn(third, { allowed: false }, { roles: ['a'] }), 403)
  })

  test('is not used for text that a store could mix up', async () => {
    const { one, two, cache } = createWorkers()
    await learn(one, { allowed: true, permissions: ['*'], ttl: 60 }, { user: '\ud800' })
    assert.equal(cache.entries.size, 0)
    assert.equal(await learn(two, { allowed: false }, { user: '\ud801' }), 403)
    assert.equal(one.status(createRequest({ user: '\ud800' })), 200, 'the worker’s own level still is')
  })

  test('that is away, or hangs, costs a question and nothing else', async () => {
    const { one, cache, clock } = createWorkers()
    cache.failure = new Error('connection refused')
    assert.equal(await learn(one, { allowed: true, ttl: 60 }), 200)
    assert.equal(one.ports.recorded.get('aegis_rbac_cache_total{shared,error}'), 1)
    cache.failure = null
    cache.hangs = true
    const status = one.status(createRequest({ user: 'u2' }))
    clock.advance(250)
    await settled()
    await one.asked[1]?.answer({ allowed: true })
    assert.equal(await status, 200)
  })

  test('that could not be read is not written either: nobody knows what was purged meanwhile', async () => {
    const { one, cache } = createWorkers()
    cache.failure = new Error('connection refused')
    const status = one.status(createRequest())
    await settled()
    await settled()
    cache.failure = null
    await one.asked[0]?.answer({ allowed: true, permissions: ['*'], ttl: 60 })
    assert.equal(await status, 200)
    assert.equal(cache.entries.size, 0)
  })

  test('with nonsense in it is as good as empty', async () => {
    const nonsense = [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"content":true}',
      '{"content":"true","askedWallMs":1e15,"untilWallMs":2e15}',
      '{"content":["*",1],"askedWallMs":1e15,"untilWallMs":2e15}',
      '{"content":true,"askedWallMs":"1","untilWallMs":2e15}',
    ]
    for (const value of nonsense) {
      const { one, two, cache } = createWorkers()
      await learn(one, { allowed: true, permissions: ['*'], ttl: 60 })
      for (const key of cache.entries.keys()) cache.entries.set(key, { value, ttlMs: 1 })
      assert.equal(await learn(two, { allowed: false }), 403, value)
    }
  })

  test('gives no more life than maxTtlSeconds, whatever it says', async () => {
    const { one, two, cache, clock } = createWorkers({ maxTtlSeconds: 60 })
    await learn(one, { allowed: true, ttl: 60 })
    for (const [key, { value }] of cache.entries) {
      cache.entries.set(key, { value: JSON.stringify({ ...JSON.parse(value), untilWallMs: 1e18 }), ttlMs: 1 })
    }
    assert.equal(await two.status(createRequest()), 200)
    clock.advance(60_000)
    for (const key of cache.entries.keys()) cache.entries.delete(key)
    assert.equal(await learn(two, { allowed: false }), 403)
  })
})

describe('a purge', () => {
  const scopes: [Record<string, unknown>, Caller[]][] = [
    [{ tenant: 'acme' }, [{ tenant: 'beta' }]],
    [{ tenant: 'acme', user: 'u1' }, [{ tenant: 'beta' }, { user: 'u2' }, { user: 'u11' }]],
    [{ user: 'u1' }, []],
    [{ role: 'a' }, []],
    [{}, []],
  ]
  for (const [scope, kept] of scopes) {
    test(`of ${JSON.stringify(scope)} reaches the shared level`, async () => {
      const { one, cache, clock } = createWorkers()
      for (const caller of [{}, { tenant: 'beta' }, { user: 'u2' }, { user: 'u11' }]) {
        await learn(one, { allowed: true, ttl: 60 }, { ...caller, roles: ['a'] })
      }
      clock.advance(1)
      await one.purge(scope)
      assert.equal(cache.entries.size, kept.length)
    })
  }

  test('is not undone by what another worker writes from before it', async () => {
    const { one, two, clock } = createWorkers()
    const before = one.status(createRequest())
    await settled()
    await settled()
    clock.advance(10)
    // two hears of the purge first; one, not yet having heard, writes the old answer.
    await two.purge({})
    await one.asked[0]?.answer({ allowed: true, permissions: ['*'], ttl: 60 })
    assert.equal(await before, 200)
    assert.equal(await learn(two, { allowed: false }), 403)
  })

  test('of another gateway is told as "forget": the worker drops its own and believes nothing older', async () => {
    const { one, two, cache, clock } = createWorkers()
    await learn(one, { allowed: true, permissions: ['*'], ttl: 60 })
    assert.equal(await two.status(createRequest()), 200)
    clock.advance(10)
    assert.deepEqual(await two.plugin.onControl?.('forget', { tenant: 'acme' }), { purged: 2 })
    assert.equal(cache.entries.size, 2, 'the shared level is the business of the gateway that purged')
    assert.equal(await learn(two, { allowed: false }), 403)
  })

  test('while the shared level is being read keeps what was read out', async () => {
    const { one, two, cache, clock } = createWorkers()
    await learn(one, { allowed: true, permissions: ['*'], ttl: 60 })
    clock.advance(10)
    cache.onRead = () => {
      cache.onRead = null
      void two.purge({})
    }
    assert.equal(await learn(two, { allowed: false }), 403)
  })

  test('that the shared level refuses is an error for who asked, and still holds in the worker', async () => {
    const { one, cache, clock } = createWorkers()
    await learn(one, { allowed: true, permissions: ['*'], ttl: 60 })
    clock.advance(1)
    cache.failure = new Error('read only')
    await assert.rejects(one.purge({}), /read only/)
    assert.equal(one.ports.logged.at(-1)?.level, 'error')
    cache.failure = null
    assert.equal(await learn(one, { allowed: false }), 403)
  })
})
