// The bound on waiting, and that an answer belongs to its own question whatever happens in between. Real Redis.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import { type RedisServer, startRedis } from '../../../services/redis.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { createLink, type OpenLink, openLink } from './setup.ts'

let redis: RedisServer
let open: OpenLink[] = []
beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  for (const { link } of open) link.close()
  open = []
  await redis.stop()
})

async function connect(over: Parameters<typeof openLink>[0] = {}): Promise<OpenLink> {
  const one = await openLink({ url: redis.url, ...over })
  open.push(one)
  return one
}

const echo = (link: RedisLink, tag: string) =>
  link.run('counters', (client) => client.eval('return ARGV[1]', 0, tag) as Promise<string>)
const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => error.failure,
  )

describe('an answer', () => {
  test('never belongs to another question, though commands time out and connections break under load', async () => {
    const never = { failures: 1_000_000, probeMs: 20 }
    const links = [
      (await connect({ commandTimeoutMs: 8, breaker: never })).link,
      (await connect({ commandTimeoutMs: 15, breaker: never })).link,
    ]
    const counts = { right: 0, wrong: 0, failed: 0 }
    let asking = true
    const ask = async (client: number): Promise<void> => {
      for (let n = 0; asking; n++) {
        const tag = `${client}:${n}:${'x'.repeat((n * 7) % 50)}`
        try {
          const answer = await echo(links[client % 2] as RedisLink, tag)
          counts[answer === tag ? 'right' : 'wrong'] += 1
        } catch {
          counts.failed += 1
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    }
    const clients = Array.from({ length: 40 }, (_, client) => ask(client))
    for (let round = 0; round < 12; round++) {
      const before = counts.failed
      redis.freeze()
      await waitUntil(() => counts.failed > before + 40)
      redis.thaw()
      const right = counts.right
      await waitUntil(() => counts.right > right + 200)
      if (round % 3 === 2) await redis.say('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    }
    asking = false
    await Promise.all(clients)
    assert.equal(counts.wrong, 0, JSON.stringify(counts))
    assert.ok(counts.right > 2_000 && counts.failed > 400, JSON.stringify(counts))
  })
})

describe('a Redis that has stopped', () => {
  test('is waited for as long as commandTimeoutMs says, and then by nobody', async () => {
    const { link, ports } = await connect({ commandTimeoutMs: 40, breaker: { failures: 3, probeMs: 20 } })
    redis.freeze()
    const first = await Promise.all([1, 2, 3].map((n) => failureOf(echo(link, `${n}`))))
    assert.deepEqual(first, ['timeout', 'timeout', 'timeout'])
    for (let i = 0; i < 1_000; i++) assert.equal(link.refusal()?.failure, 'breaker')
    assert.equal(await failureOf(echo(link, 'x')), 'breaker')
    assert.equal(link.status().state, 'down')
    assert.equal(ports.recorded.get('aegis_redis_up{}'), 0)
    redis.thaw()
    await waitUntil(() => link.refusal() === null)
    assert.equal(await echo(link, 'back'), 'back')
    assert.equal(ports.recorded.get('aegis_redis_up{}'), 1)
    assert.equal(ports.recorded.get('aegis_redis_errors_total{counters,timeout}'), 3)
  })

  test('is sent no more commands than maxPending', async () => {
    const never = { failures: 1_000_000, probeMs: 20 }
    const { link } = await connect({ commandTimeoutMs: 30, maxPending: 100, breaker: never })
    redis.freeze()
    const failures = await Promise.all(Array.from({ length: 500 }, (_, n) => failureOf(echo(link, `${n}`))))
    assert.equal(failures.filter((one) => one === 'timeout').length, 100)
    assert.equal(failures.filter((one) => one === 'busy').length, 400)
    redis.thaw()
    await waitUntil(() => link.refusal() === null)
  })

  test('is not held against commands that could not even be made', async () => {
    const never = { failures: 1_000_000, probeMs: 20 }
    const { link } = await connect({ maxPending: 5, breaker: never })
    const unmade = () => {
      throw new TypeError('no node for this slot')
    }
    for (let i = 0; i < 20; i++) assert.equal(await failureOf(link.run('counters', unmade)), 'lost')
    assert.equal(await echo(link, 'x'), 'x')
  })

  test('has its connection given up after a second, so that one that never answers does not hold commands', async () => {
    const { link } = await connect({ commandTimeoutMs: 20, breaker: { failures: 3, probeMs: 20 } })
    const connections = async () => Number(/:(\d+)/.exec(await clients())?.[1])
    const clients = async () => (await redis.say('INFO', 'clients')) && (await redis.say('CLIENT', 'ID'))
    const before = await connections()
    redis.freeze()
    await Promise.all([1, 2, 3].map((n) => failureOf(echo(link, `${n}`))))
    await waitUntil(() => link.status().lastError?.includes('Socket timeout') === true)
    redis.thaw()
    await waitUntil(() => link.refusal() === null)
    assert.equal(await echo(link, 'back'), 'back')
    assert.ok((await connections()) > before + 1, 'over a new connection')
  })
})

const broken: [title: string, breakIt: string[], mendIt: string[], reason: RegExp][] = [
  ['is a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], /READONLY/],
  ['is out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0'], /OOM/],
]

describe('a Redis that', () => {
  for (const [title, breakIt, mendIt, reason] of broken) {
    test(`${title} counts as one that fails, and is used again by itself`, async () => {
      const { link, ports } = await connect({
        commandTimeoutMs: 1_000,
        breaker: { failures: 3, probeMs: 20 },
      })
      const write = () => failureOf(link.run('counters', (client) => client.set('aegis:x', '1')))
      assert.equal(await write(), 'none')
      await redis.say(...breakIt)
      await waitUntil(async () => (await write()) === 'breaker')
      assert.match(link.status().lastError ?? '', reason)
      // It is tried, and seen to fail, without a request that finds out.
      await waitUntil(() => (ports.recorded.get('aegis_redis_errors_total{probe,refused}') ?? 0) >= 2)
      assert.ok(!ports.logged.some(({ message }) => message.includes('works again')))
      await redis.say(...mendIt)
      await waitUntil(() => link.refusal() === null)
      assert.equal(await write(), 'none')
    })
  }

  test('is not there at the start is connected to once it is', async () => {
    await redis.kill()
    const one = createLink({ url: redis.url })
    open.push(one)
    const { link } = one
    assert.equal(await failureOf(echo(link, 'x')), 'disconnected')
    await waitUntil(() => link.status().lastError?.includes('ECONNREFUSED') === true)
    const again = await startRedis({ port: redis.port })
    await waitUntil(() => link.refusal() === null)
    assert.equal(await echo(link, 'x'), 'x')
    await again.stop()
  })
})
