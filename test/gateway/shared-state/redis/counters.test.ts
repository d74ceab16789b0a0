import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import type { LimitCheck } from '../../../../gateway/contract/ports.ts'
import { createRedisCounters } from '../../../../gateway/shared-state/redis/counters.ts'
import type { RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import { type RedisServer, startRedis } from '../../../services/redis.ts'
import { checkOf, testCounterStore } from '../conformance.ts'
import { openLink } from './setup.ts'

let redis: RedisServer
let link: RedisLink
before(async () => {
  redis = await startRedis()
  ;({ link } = await openLink({ url: redis.url }))
})
after(async () => {
  link?.close()
  await redis?.stop()
})

let stores = 0

/** A store of its own on the shared Redis, by a clock that is moved by hand. */
function open({ oneNode = true, own = link }: { oneNode?: boolean; own?: RedisLink } = {}) {
  stores += 1
  let nowMs = 1_700_000_000_000
  const keyPrefix = `aegis:${stores}:`
  const apart: RedisLink = {
    ...{ keyPrefix, timeoutMs: own.timeoutMs },
    run: (use, send) => own.run(use, send),
    refusal: () => own.refusal(),
    status: () => own.status(),
    onReady: (callback) => own.onReady(callback),
    close: () => own.close(),
  }
  return {
    store: createRedisCounters({ link: apart, oneNode, nowMs: () => nowMs }),
    advance: (ms: number) => {
      nowMs += ms
    },
    keyPrefix,
    link: apart,
  }
}

testCounterStore('Redis counters', () => open())

const ofTenant = (over: Partial<LimitCheck> = {}) => checkOf({ key: 'a|tenant=acme', ...over })
const ofAddress = (over: Partial<LimitCheck> = {}) => checkOf({ key: 'b|ip=10.0.0.1', ...over })

for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const) {
  test(`${algorithm}: limits that lie on two nodes of a Cluster are taken all or none`, async () => {
    const { store } = open({ oneNode: false })
    const wide = ofTenant({ algorithm, limit: 50 })
    const narrow = ofAddress({ algorithm, limit: 3 })
    for (let i = 0; i < 3; i++) await store.take([wide, narrow])
    for (let i = 0; i < 3; i++) {
      const states = await store.take([wide, narrow])
      assert.deepEqual(
        states.map(({ allowed, remaining }) => [allowed, remaining]),
        [
          [true, 47],
          [false, 0],
        ],
      )
    }
    const other = await store.take([narrow, wide])
    assert.deepEqual([other[0]?.allowed, other[1]?.remaining], [false, 47])
  })
}

test('limits on two nodes of a Cluster let exactly the tighter one through, also when two gateways take at once', async () => {
  const one = open({ oneNode: false })
  const two = createRedisCounters({ link: one.link, oneNode: false, nowMs: () => 1_700_000_000_000 })
  const checks = [ofTenant({ limit: 1_000 }), ofAddress({ limit: 40 })]
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) => (n % 2 === 0 ? one.store : two).take(checks)),
  )
  const passed = answers.filter((states) => states.every(({ allowed }) => allowed)).length
  assert.equal(passed, 40)
  for (const check of checks) assert.equal((await two.peek(check)).remaining, check.limit - 40)
})

test('a request is one script for all its limits, and the requests of one turn leave in one write', async () => {
  const { store } = open()
  const checks = (user: number) =>
    ['a', 'b', 'c'].map((name) => checkOf({ key: `${name}|tenant=acme|user=${user}` }))
  await store.take(checks(0))
  const before = await countScripts()
  const writes = await countWrites(link, () =>
    Promise.all(Array.from({ length: 100 }, (_, user) => store.take(checks(user)))),
  )
  assert.equal((await countScripts()) - before, 100)
  assert.ok(writes <= 2, `${writes} writes`)
})

/** EVALSHA calls that Redis has seen. */
async function countScripts(): Promise<number> {
  const stats = await link.run('counters', (client) => client.info('commandstats'))
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

/** Writes to the connection while `work` is done. */
async function countWrites(of: RedisLink, work: () => Promise<unknown>): Promise<number> {
  const { stream } = await of.run('counters', async (client) => client as unknown as { stream: Socket })
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
  let writes = 0
  stream.write = (...args: unknown[]) => {
    writes += 1
    return write(...args)
  }
  await work()
  stream.write = write
  return writes
}

test('a tenant has its counters in one place of a Cluster, whatever its name', async () => {
  const { store, keyPrefix } = open()
  for (const name of ['acme', 'a}b', '', '{', 'x'.repeat(400), '\ud800']) {
    await store.take([checkOf({ key: `n|tenant=${name}|user=1` }), checkOf({ key: `m|tenant=${name}` })])
  }
  const tags = new Map<string, number>()
  await link.run('counters', async (client) => {
    for (const key of await client.keys(`${keyPrefix}*`)) {
      const tag = key.slice(key.indexOf('{') + 1, key.indexOf('}'))
      assert.ok(tag !== '' && key.length < 700, key)
      tags.set(tag, (tags.get(tag) ?? 0) + 1)
    }
  })
  assert.deepEqual([...tags.values()], [2, 2, 2, 2, 2, 2])
})

test('texts that Redis would keep as the same bytes are two counters', async () => {
  const { store } = open()
  const one = checkOf({ key: 'n|user=\ud800', limit: 1 })
  await store.take([one])
  assert.equal((await store.peek({ ...one, key: 'n|user=\ud801' })).remaining, 1)
  assert.equal((await store.peek({ ...one, key: 'n|user=\ufffd' })).remaining, 1)
  assert.equal((await store.peek(one)).remaining, 0)
})

test('a script that Redis has forgotten is sent again, and counts once', async () => {
  const { store } = open()
  await store.take([checkOf()])
  await redis.say('SCRIPT', 'FLUSH')
  const states = await Promise.all([store.take([checkOf()]), store.take([checkOf()])])
  assert.deepEqual(states.map(([state]) => state?.remaining).sort(), [7, 8])
})

test("counts by Redis' own clock, and forgets a counter soon after its limit is free", async (t) => {
  const store = createRedisCounters({ link, oneNode: true })
  const check = checkOf({ key: 'real', limit: 2, windowMs: 60_000 })
  await store.take([check])
  const [state] = await store.take([check])
  assert.ok(state !== undefined && state.resetMs > 50_000 && state.resetMs <= 60_000, `${state?.resetMs}`)
  // A gateway whose clock is an hour ahead does not find the limit free.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 })
  assert.equal((await store.take([check]))[0]?.allowed, false)
  const lives = Number((await redis.say('PTTL', `${link.keyPrefix}limit:{-}f:real`)).slice(1))
  assert.ok(lives > 55_000 && lives <= 61_000, `${lives}`)
})

test('two connections that take at once never let more through than the limit', async () => {
  const second = await openLink({ url: redis.url })
  const stores = [link, second.link].map((one) => createRedisCounters({ link: one, oneNode: true }))
  const check = checkOf({ key: 'both', algorithm: 'sliding-window', limit: 100, windowMs: 60_000 })
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, i) => (stores[i % 2] as (typeof stores)[0]).take([check])),
  )
  assert.equal(answers.filter(([state]) => state?.allowed).length, 100)
  second.link.close()
})
