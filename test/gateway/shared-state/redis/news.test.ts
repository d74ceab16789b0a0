// Messages between gateways, and what is noticed of those that were missed. Real Redis, real time where it must be.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createSystemClock } from '../../../../gateway/contract/clock.ts'
import { createNews, type News } from '../../../../gateway/shared-state/redis/news.ts'
import { type RedisServer, startRedis } from '../../../services/redis.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { createTestPorts } from '../../../support/ports.ts'
import { redisConfig } from './setup.ts'

interface Gateway {
  readonly news: News
  readonly heard: [topic: string, message: unknown][]
  missed: number
  ticks: number
  /** From now on it hears only what is told to it. */
  looksNoMore: boolean
}

const open: Gateway[] = []
let redis: RedisServer
before(async () => {
  redis = await startRedis()
})
after(async () => {
  for (const { news } of open) news.close()
  await redis?.stop()
})

/** Resolves once it listens. */
async function join(url = redis.url): Promise<Gateway> {
  const ports = createTestPorts()
  const gateway: { -readonly [K in keyof Gateway]: Gateway[K] } = {
    news: null as unknown as News,
    heard: [],
    missed: 0,
    ticks: 0,
    looksNoMore: false,
  }
  const clock = createSystemClock()
  gateway.news = createNews({
    config: redisConfig({ url, breaker: { failures: 5, probeMs: 20 } }),
    clock: {
      ...clock,
      after: (ms, callback) => clock.after(ms, () => gateway.looksNoMore || callback()),
    },
    log: ports.log,
    metrics: ports.metrics,
    onMessage: (topic, message) => void gateway.heard.push([topic, message]),
    onMissed: () => {
      gateway.missed += 1
    },
    onTick: () => {
      gateway.ticks += 1
    },
  })
  open.push(gateway)
  await waitUntil(() => gateway.ticks > 1)
  return gateway
}

async function positionOf(key: string): Promise<{ id: string; number: number }> {
  const { link } = (open[0] as Gateway).news
  const [id, number] = await link.run('news', (client) => client.hmget(key, 'id', 'number'))
  return { id: String(id), number: Number(number) }
}

describe('news', () => {
  test('reach every other gateway once and in order, and not the one that tells', async () => {
    const [one, two, three] = [await join(), await join(), await join()]
    const before = [one.missed, two.missed, three.missed]
    for (let i = 0; i < 20; i++) await one.news.tell('purge', { i })
    await waitUntil(() => two.heard.length >= 20 && three.heard.length >= 20)
    const expected = Array.from({ length: 20 }, (_, i) => ['purge', { i }])
    assert.deepEqual(two.heard, expected)
    assert.deepEqual(three.heard, expected)
    assert.deepEqual(one.heard, [])
    assert.deepEqual([one.missed, two.missed, three.missed], before, 'nobody has missed anything')
  })

  test('that came while the subscription was gone are noticed', async (t) => {
    const [one, two] = [await join(), await join()]
    const before = two.missed
    await redis.say('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await one.news.tell('purge', {})
    const began = performance.now()
    await waitUntil(() => two.missed > before || two.heard.length > 0)
    t.diagnostic(`noticed after ${(performance.now() - began).toFixed(0)} ms`)
  })

  test('of which one was lost on the way are noticed by its number, with the next one', async () => {
    const [one, two] = [await join(), await join()]
    await one.news.tell('purge', { n: 1 })
    await waitUntil(() => two.heard.length === 1)
    const before = two.missed
    two.looksNoMore = true
    const { ticks } = one
    // A look that was under way has ended by then.
    await waitUntil(() => one.ticks > ticks + 1)
    const lost = "redis.call('HINCRBY', KEYS[1], 'number', 1)"
    const key = 'aegis:{news}'
    const { id, number } = await positionOf(key)
    const next = JSON.stringify({ id, number: number + 2, teller: 'x', topic: 'purge', text: '{"n":3}' })
    const both = `${lost} ${lost} redis.call('PUBLISH', 'aegis:news', ARGV[1])`
    await redis.say('EVAL', both, '1', key, next)
    await waitUntil(() => two.missed > before)
    assert.equal(two.heard.length, 1)
  })

  test('are noticed as missed when Redis comes back empty', async () => {
    const own = await startRedis()
    const [one, two] = [await join(own.url), await join(own.url)]
    await one.news.tell('purge', { a: 1 })
    await waitUntil(() => two.heard.length === 1)
    const before = two.missed
    await own.kill()
    const again = await startRedis({ port: own.port })
    await waitUntil(() => two.missed > before)
    await waitUntil(() =>
      one.news.tell('purge', { b: 2 }).then(
        () => true,
        () => false,
      ),
    )
    await waitUntil(() => two.heard.length >= 2 || two.missed > before + 1)
    await again.stop()
    await own.stop()
  })

  test('cannot be told while Redis is away, which is said within the bound', async () => {
    const own = await startRedis()
    const one = await join(own.url)
    await own.kill()
    await assert.rejects(one.news.tell('purge', {}), { name: 'RedisUnavailable' })
    await own.stop()
  })
})
