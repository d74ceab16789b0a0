import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Reply } from '../../../gateway/contract/reply.ts'
import { createRequest, createStage, type Stage, settled } from './setup.ts'

/** Asks, has the upstream answer, and gives the status. */
async function learn(stage: Stage, body: unknown, caller = {}): Promise<number> {
  const before = stage.asked.length
  const status = stage.status(createRequest(caller))
  assert.equal(stage.asked.length, before + 1, 'asks the upstream')
  await stage.asked[before]?.answer(body)
  return status
}

function cacheCount(stage: Stage, level: string, result: string): number {
  return stage.ports.recorded.get(`aegis_rbac_cache_total{${level},${result}}`) ?? 0
}

describe('a cached decision', () => {
  test('is answered without a promise and without asking', async () => {
    for (const [allowed, status] of [
      [true, 200],
      [false, 403],
    ] as const) {
      const stage = createStage()
      assert.equal(await learn(stage, { allowed, ttl: 60 }), status)
      for (let i = 0; i < 5; i++) assert.equal(stage.status(createRequest()), status)
      assert.equal(stage.asked.length, 1)
      assert.equal(cacheCount(stage, 'worker', 'miss'), 1)
      assert.equal(cacheCount(stage, 'worker', 'hit'), 5)
    }
  })

  const lifetimes: [string, Record<string, unknown>, Record<string, unknown>, number][] = [
    ['lives for the ttl of the answer', {}, { allowed: true, ttl: 30 }, 30_000],
    ['lives for ttlSeconds when the answer names no ttl', { ttlSeconds: 7 }, { allowed: true }, 7_000],
    ['lives for maxTtlSeconds at most', { maxTtlSeconds: 10 }, { allowed: true, ttl: 1e9 }, 10_000],
    ['lives for maxTtlSeconds at most also by default', { maxTtlSeconds: 10 }, { allowed: true }, 10_000],
    [
      'that denies lives for negativeTtlSeconds at most',
      { negativeTtlSeconds: 3 },
      { allowed: false, ttl: 60 },
      3_000,
    ],
    ['that denies lives for a shorter ttl of the answer', {}, { allowed: false, ttl: 2 }, 2_000],
  ]
  for (const [title, config, body, lifeMs] of lifetimes) {
    test(title, async () => {
      const stage = createStage(config)
      const status = await learn(stage, body)
      stage.ports.clock.advance(lifeMs - 1)
      assert.equal(stage.status(createRequest()), status)
      stage.ports.clock.advance(1)
      await learn(stage, { allowed: true })
    })
  }

  test('does not live when the answer says ttl 0, and ends what was known', async () => {
    const stage = createStage({ onUnavailable: 'stale' })
    await learn(stage, { allowed: true, permissions: ['items:read'], ttl: 10 })
    stage.ports.clock.advance(10_000)
    assert.equal(await learn(stage, { allowed: true, permissions: [], ttl: 0 }), 200)
    const last = stage.status(createRequest())
    await stage.asked[2]?.fail()
    assert.equal(await last, 503)
  })

  test('does not follow the wall clock', async () => {
    const stage = createStage()
    await learn(stage, { allowed: true, ttl: 10 })
    stage.ports.clock.jumpWall(-86_400_000)
    stage.ports.clock.advance(10_000)
    await learn(stage, { allowed: false })
  })

  test('counts from the question, not from the answer', async () => {
    const stage = createStage()
    const status = stage.status(createRequest())
    stage.ports.clock.advance(1_500)
    await stage.asked[0]?.answer({ allowed: true, ttl: 10 })
    assert.equal(await status, 200)
    stage.ports.clock.advance(8_500)
    await learn(stage, { allowed: true })
  })

  test('is never about other roles in the token', async () => {
    const stage = createStage()
    await learn(stage, { allowed: true, permissions: ['items:*'], ttl: 60 }, { roles: ['admin', 'a'] })
    assert.equal(stage.status(createRequest({ roles: ['a', 'admin'] })), 200, 'order does not count')
    assert.equal(stage.status(createRequest({ roles: ['a', 'admin', 'a'] })), 200, 'nor repetition')
    assert.equal(await learn(stage, { allowed: false }, { roles: ['a'] }), 403)
    assert.equal(await learn(stage, { allowed: false }, { roles: [] }), 403)
    assert.equal(await learn(stage, { allowed: false }, { roles: ['a', 'admin', 'b'] }), 403)
    assert.equal(await learn(stage, { allowed: false }, { roles: ['a,admin'] }), 403)
  })

  test('is never about another upstream', async () => {
    const stage = createStage()
    await learn(stage, { allowed: true, permissions: ['*'], ttl: 60 }, { upstream: 'friendly' })
    assert.equal(await learn(stage, { allowed: false }, { upstream: 'strict' }), 403)
  })

  test('is kept for a bounded number of callers', async () => {
    const stage = createStage({ maxEntries: 50 })
    stage.respond = () => ({ allowed: true, permissions: ['items:read'], ttl: 60 })
    for (let i = 0; i < 300; i++) await stage.status(createRequest({ user: `u${i}` }))
    const { size } = stage.inspect()
    assert.equal(size, 50)
  })

  test('is kept within a bounded size', async () => {
    const stage = createStage({ maxEntries: 1_000 })
    const permissions = Array.from({ length: 120 }, (_, i) => `${'p'.repeat(500)}:${i}`)
    stage.respond = () => ({ allowed: true, permissions, ttl: 60 })
    for (let i = 0; i < 60; i++) await stage.status(createRequest({ user: `u${i}` }))
    const { size } = stage.inspect()
    assert.ok(size < 60, `${size} entries`)
  })
})

describe('the permissions of an answer', () => {
  test('answer later resources of that caller', async () => {
    const stage = createStage()
    await learn(stage, { allowed: true, permissions: ['items:read', 'orders:*'], ttl: 60 })
    assert.equal(stage.status(createRequest({ resource: 'orders', method: 'DELETE' })), 200)
    assert.equal(await learn(stage, { allowed: false }, { resource: 'items', method: 'POST' }), 403)
    assert.equal(await learn(stage, { allowed: false }, { resource: 'orders', user: 'u2' }), 403)
    assert.equal(await learn(stage, { allowed: false }, { resource: 'orders', tenant: 'beta' }), 403)
  })

  test('also when the answer itself denies', async () => {
    const stage = createStage()
    assert.equal(await learn(stage, { allowed: false, permissions: ['orders:read'], ttl: 60 }), 403)
    assert.equal(stage.status(createRequest({ resource: 'orders' })), 200)
  })

  test('end with the ttl of their answer', async () => {
    const stage = createStage()
    await learn(stage, { allowed: true, permissions: ['orders:read'], ttl: 10 })
    stage.ports.clock.advance(10_000)
    await learn(stage, { allowed: false }, { resource: 'orders' })
  })

  test('never grant what the same answer denies, not even once the denial has ended', async () => {
    for (const negativeTtlSeconds of [5, 0]) {
      const stage = createStage({ negativeTtlSeconds, staleSeconds: 60 })
      await learn(stage, { allowed: false, permissions: ['*'], ttl: 60 })
      stage.ports.clock.advance(6_000)
      assert.equal(await learn(stage, { allowed: false }), 403)
    }
  })

  test('never grant what was denied after them, fresh or stale', async () => {
    const stage = createStage({ staleSeconds: 600, negativeTtlSeconds: 1 })
    const slow = stage.status(createRequest({ resource: 'slow' }))
    stage.ports.clock.advance(100)
    assert.equal(await learn(stage, { allowed: false }, { resource: 'items' }), 403)
    await stage.asked[0]?.answer({ allowed: true, permissions: ['items:read'], ttl: 60 })
    assert.equal(await slow, 200)
    stage.ports.clock.advance(1_500)
    assert.equal(await learn(stage, { allowed: false }), 403, 'while the older list is fresh')
    stage.ports.clock.advance(60_000)
    assert.equal(await learn(stage, { allowed: false }), 403, 'while it is stale')
  })

  test('are replaced by those of a newer answer, never by those of an older one', async () => {
    const stage = createStage()
    const older = stage.status(createRequest({ resource: 'a' }))
    stage.ports.clock.advance(10)
    await learn(stage, { allowed: true, permissions: ['b:read'], ttl: 60 }, { resource: 'b' })
    await stage.asked[0]?.answer({ allowed: true, permissions: ['a:read', 'secret:read'], ttl: 60 })
    assert.equal(await older, 200)
    assert.equal(await learn(stage, { allowed: false }, { resource: 'secret' }), 403)
  })
})

describe('single flight', () => {
  test('asks once for many requests at once, and answers them all', async () => {
    const stage = createStage()
    const waiting = Array.from({ length: 100 }, () => stage.status(createRequest()))
    assert.equal(stage.asked.length, 1)
    await stage.asked[0]?.answer({ allowed: true, ttl: 60 })
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([200]))
    assert.equal(stage.asked.length, 1)
  })

  test('asks once for each question', () => {
    const stage = createStage()
    const callers = [
      {},
      { tenant: 'beta' },
      { user: 'u2' },
      { resource: 'b' },
      { method: 'POST' },
      { roles: ['x'] },
      { tenant: null },
    ]
    for (const caller of [...callers, ...callers]) void stage.status(createRequest(caller))
    assert.equal(stage.asked.length, callers.length)
  })

  test('gives a failure to all who wait, and asks again after failureTtlMs', async () => {
    const stage = createStage({ failureTtlMs: 500 })
    const waiting = Array.from({ length: 10 }, () => stage.status(createRequest()))
    await stage.asked[0]?.fail()
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([503]))
    assert.equal(stage.status(createRequest()), 503, 'at once, without asking')
    stage.ports.clock.advance(499)
    assert.equal(stage.status(createRequest()), 503)
    assert.equal(stage.asked.length, 1)
    stage.ports.clock.advance(1)
    assert.equal(await learn(stage, { allowed: true }), 200)
  })

  test('of one failed question does not touch another', async () => {
    const stage = createStage()
    const first = stage.status(createRequest())
    await stage.asked[0]?.fail()
    assert.equal(await first, 503)
    assert.equal(await learn(stage, { allowed: true }, { user: 'u2' }), 200)
  })

  test('ends a question that is never answered', async () => {
    const stage = createStage({ subrequest: { timeoutMs: 300 }, failureTtlMs: 0 })
    const first = stage.status(createRequest())
    stage.ports.clock.advance(300)
    assert.equal(await first, 503)
    await stage.asked[0]?.answer({ allowed: true, permissions: ['*'], ttl: 60 })
    assert.equal(await learn(stage, { allowed: false }), 403, 'what came too late is not kept')
  })

  test('survives a port that throws at once', async () => {
    const send = () => {
      throw new Error('no upstream')
    }
    const stage = createStage({}, { subrequest: { send } })
    assert.equal(await stage.status(createRequest()), 503)
  })

  test('writes one log line for a storm of failures', async () => {
    const stage = createStage({ failureTtlMs: 0 })
    for (let i = 0; i < 20; i++) {
      const status = stage.status(createRequest({ user: `u${i}` }))
      await stage.asked[i]?.fail(`reason ${i}`)
      assert.equal(await status, 503)
    }
    assert.equal(stage.ports.logged.length, 1)
    assert.equal(stage.ports.logged[0]?.fields.reason, 'reason 0')
    stage.ports.clock.advance(10_000)
    const status = stage.status(createRequest())
    await stage.asked[20]?.fail()
    await status
    assert.equal(stage.ports.logged.length, 2)
  })
})

describe('when no answer can be had', () => {
  async function failing(config: Record<string, unknown>, first: unknown = null, advanceMs = 60_000) {
    const stage = createStage(config)
    if (first !== null) await learn(stage, first)
    stage.ports.clock.advance(advanceMs)
    const at = stage.asked.length
    const status = stage.status(createRequest())
    await stage.asked[at]?.fail()
    return { stage, status: await status }
  }

  test('deny answers 503 with Retry-After, whatever was known', async () => {
    const { stage, status } = await failing({ failureTtlMs: 2_500 }, { allowed: true, ttl: 5 })
    assert.equal(status, 503)
    const verdict = stage.plugin.onRequest?.(createRequest()) as Reply
    assert.equal(verdict.code, 'AEGIS_AUTHORIZATION_UNAVAILABLE')
    assert.deepEqual(verdict.headers, ['retry-after', '3'])
    assert.equal(stage.ports.recorded.get('aegis_rbac_decisions_total{unavailable}'), 2)
  })

  test('allow lets pass, and keeps nothing as allowed', async () => {
    const { stage, status } = await failing({ onUnavailable: 'allow', failureTtlMs: 0 })
    assert.equal(status, 200)
    assert.equal(stage.ports.recorded.get('aegis_rbac_decisions_total{unavailable-allowed}'), 1)
    assert.equal(await learn(stage, { allowed: false }), 403)
  })

  test('allow still denies what is denied', async () => {
    const stage = createStage({ onUnavailable: 'allow' })
    assert.equal(await learn(stage, { allowed: false }), 403)
    assert.equal(stage.status(createRequest()), 403)
  })

  test('stale serves the last known answer, good or bad', async () => {
    const config = { onUnavailable: 'stale', staleOnErrorSeconds: 100 }
    assert.equal((await failing(config, { allowed: true, ttl: 5 })).status, 200)
    assert.equal((await failing(config, { allowed: false, ttl: 5 })).status, 403)
    assert.equal((await failing(config)).status, 503)
    assert.equal((await failing(config, { allowed: true, ttl: 5 }, 104_999)).status, 200)
    assert.equal((await failing(config, { allowed: true, ttl: 5 }, 105_000)).status, 503)
  })

  test('stale serves nothing that was purged', async () => {
    const stage = createStage({ onUnavailable: 'stale' })
    await learn(stage, { allowed: true, permissions: ['*'], ttl: 5 })
    stage.ports.clock.advance(6_000)
    stage.plugin.onControl?.('purge', { user: 'u1' })
    const status = stage.status(createRequest())
    await stage.asked[1]?.fail()
    assert.equal(await status, 503)
  })
})

describe('stale while revalidating', () => {
  test('is off unless asked for', async () => {
    const stage = createStage()
    await learn(stage, { allowed: true, ttl: 5 })
    stage.ports.clock.advance(5_000)
    assert.ok(stage.status(createRequest()) instanceof Promise)
  })

  test('serves at once, asks once in the background, and then knows better', async () => {
    const stage = createStage({ staleSeconds: 10 })
    await learn(stage, { allowed: true, ttl: 5 })
    stage.ports.clock.advance(5_000)
    for (let i = 0; i < 5; i++) assert.equal(stage.status(createRequest()), 200)
    assert.equal(stage.asked.length, 2)
    assert.equal(cacheCount(stage, 'worker', 'stale'), 5)
    await stage.asked[1]?.answer({ allowed: false })
    assert.equal(stage.status(createRequest()), 403)
  })

  test('serves no denial and nothing beyond its time', async () => {
    const stage = createStage({ staleSeconds: 10 })
    await learn(stage, { allowed: false, ttl: 1 })
    stage.ports.clock.advance(1_000)
    assert.equal(await learn(stage, { allowed: true, ttl: 5 }), 200)
    stage.ports.clock.advance(15_000)
    assert.ok(stage.status(createRequest()) instanceof Promise)
  })

  test('goes on serving while the upstream is away, without asking at every request', async () => {
    const stage = createStage({ staleSeconds: 10, failureTtlMs: 1_000 })
    await learn(stage, { allowed: true, permissions: ['orders:read'], ttl: 5 })
    stage.ports.clock.advance(5_000)
    assert.equal(stage.status(createRequest()), 200)
    await stage.asked[1]?.fail()
    for (let i = 0; i < 5; i++) assert.equal(stage.status(createRequest()), 200)
    assert.equal(stage.asked.length, 2)
    assert.equal(stage.status(createRequest({ resource: 'orders' })), 200, 'lists of permissions too')
  })

  test('brings nothing back that was purged meanwhile', async () => {
    const stage = createStage({ staleSeconds: 100 })
    await learn(stage, { allowed: true, ttl: 5 })
    stage.ports.clock.advance(5_000)
    assert.equal(stage.status(createRequest()), 200)
    stage.plugin.onControl?.('purge', {})
    await stage.asked[1]?.answer({ allowed: true, permissions: ['*'], ttl: 60 })
    assert.equal(await learn(stage, { allowed: false }), 403)
    await settled()
  })
})
