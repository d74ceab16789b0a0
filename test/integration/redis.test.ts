// Two gateways and one Redis, from outside: limits, decisions, revocations, purges.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { after, before, describe, type TestContext, test } from 'node:test'
import { type RedisServer, startRedis } from '../services/redis.ts'
import { type Admin, createAdmin } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const hourMs = 3_600_000
const algorithms = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const
const syncedLimit = 1_000
/** A second is promised, and a tenth of it is usual; a test has a machine that does other things as well. */
const feltWithinMs = 3_000

const limiter = (id: string, limit: object, over: object = {}) => ({
  ...{ id, plugin: 'rate-limit', scope: { routes: [id] } },
  config: { store: 'redis', limits: [{ name: id, key: ['tenant'], windowMs: hourMs, ...limit }], ...over },
})
const limiters = [
  ...algorithms.map((algorithm) => limiter(algorithm, { algorithm, limit: 100 })),
  limiter('synced', { algorithm: 'fixed-window', limit: syncedLimit }, { syncMs: 100 }),
  limiter('closed', { algorithm: 'fixed-window', limit: 5 }, { onStoreFailure: 'deny' }),
  limiter('opened', { algorithm: 'fixed-window', limit: 5 }, { onStoreFailure: 'allow' }),
  {
    ...{ id: 'several', plugin: 'rate-limit', scope: { routes: ['several'] } },
    config: {
      store: 'redis',
      limits: [
        { name: 'several-ip', key: ['ip'], windowMs: hourMs, limit: 50 },
        { name: 'several-user', key: ['user'], windowMs: hourMs, limit: 7, algorithm: 'sliding-window' },
      ],
    },
  },
]

let redis: RedisServer
let upstream: TestUpstream
let gateways: TestGateway[] = []
let admins: Admin[] = []
const remove: (() => Promise<void>)[] = []
let token: { authorization: string }
let allowed = true
let asked = 0

async function bearer(claims: Record<string, unknown> = {}) {
  return { authorization: `Bearer ${await createTestToken(claims)}` }
}

async function start(): Promise<TestGateway> {
  const routes = limiters.map(({ id }) => ({ id, paths: [`/${id}/*`], upstream: 'api' }))
  const config = await createConfigDir(
    createSaas(upstream.url, {
      // Ample: a wait that a busy machine causes would be a failure of the store, after which each counts alone.
      gateway: { redis: { url: redis.url, commandTimeoutMs: 2_000 } },
      routes: {
        routes: [
          ...routes,
          { id: 'items', paths: ['/items/*'], upstream: 'api', permission: { resource: 'items' } },
        ],
      },
      plugins: [
        { id: 'request-id', plugin: 'request-id' },
        jwtEntry,
        { id: 'tenant', plugin: 'tenant' },
        { id: 'rbac', plugin: 'rbac' },
        ...limiters,
      ],
    }),
  )
  remove.push(config.remove)
  return startGateway({ configDir: config.dir })
}

before(async () => {
  redis = await startRedis()
  upstream = await createUpstream((req, res) => {
    res.setHeader('content-type', 'application/json')
    if (req.url === '/aegis/authorize') asked += 1
    res.end(JSON.stringify({ allowed, ttl: 300 }))
  })
  token = await bearer()
  gateways = await Promise.all([start(), start()])
  admins = gateways.map((gateway) => createAdmin(gateway))
  await waitUntil(isUp)
})
after(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()))
  await Promise.all([upstream?.close(), redis?.stop(), ...remove.map((one) => one())])
})

async function redisStates(): Promise<string[]> {
  return Promise.all(
    admins.map(async (admin) => (await admin('GET', '/admin/status')).body.state.redis.state),
  )
}
const isUp = async () => (await redisStates()).every((state) => state === 'up')

/** Over many connections, so that every worker of both gateways is asked. */
async function burst(path: string, count: number, headers = token): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  const one = (n: number) => ask((gateways[n % 2] as TestGateway).port, path, { headers, agent })
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => one(n)))
  agent.destroy()
  return answers
}

const passed = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 200).length
const everywhere = (path: string, headers = token) =>
  Promise.all(
    Array.from({ length: 16 }, (_, n) => ask((gateways[n % 2] as TestGateway).port, path, { headers })),
  )

function assertFelt(t: TestContext, tookMs: number): void {
  const felt = `felt by all four workers after ${tookMs.toFixed(0)} ms`
  t.diagnostic(felt)
  assert.ok(tookMs < feltWithinMs, felt)
}

describe('two gateways with one Redis', () => {
  for (const algorithm of algorithms) {
    test(`let exactly the limit through together (${algorithm})`, async () => {
      const answers = await burst(`/${algorithm}/x`, 400)
      assert.equal(passed(answers), 100)
      const refused = answers.find(({ status }) => status === 429)
      assert.ok(Number(refused?.headers['retry-after']) > 0)
      assert.match(String(refused?.headers.ratelimit), /r=0/)
    })
  }

  test('take of several limits all or none', async () => {
    assert.equal(passed(await burst('/several/x', 60)), 7)
    const { body } = await (admins[0] as Admin)('GET', '/admin/rate-limits?key=several-ip%7Cip%3D127.0.0.1')
    assert.equal(body.data[0]?.remaining, 43)
  })

  test('reset a limit for both', async () => {
    assert.equal(passed(await everywhere('/fixed-window/x')), 0)
    const key = encodeURIComponent('fixed-window|tenant=acme')
    assert.equal((await (admins[0] as Admin)('DELETE', `/admin/rate-limits?key=${key}`)).status, 200)
    assert.equal(passed(await everywhere('/fixed-window/x')), 16)
  })

  /** One after another over one connection, until it is refused; resolves with how many were not. */
  async function askUntilRefused({ port }: TestGateway, path: string): Promise<number> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let through = 0
    while ((await ask(port, path, { headers: token, agent })).status === 200) through += 1
    agent.destroy()
    return through
  }

  test('keep to the bound of syncMs', async (t) => {
    // One client each is so slow that the limit lasts for many times syncMs: what one gateway lets through in twice that
    // time is a small part of it. Two that know nothing of each other let all of it through twice.
    const through = await Promise.all(gateways.map((gateway) => askUntilRefused(gateway, '/synced/x')))
    const tooMuch = through.reduce((sum, one) => sum + one, 0) - syncedLimit
    t.diagnostic(`${tooMuch} too much of ${syncedLimit}`)
    assert.ok(tooMuch >= 0 && tooMuch <= syncedLimit / 2, `${tooMuch} too much`)
    assert.equal(passed(await burst('/synced/x', 60)), 0, 'everybody knows now')
  })

  test('share what the authorize endpoint said, and a purge at one is felt by both', async (t) => {
    allowed = true
    await everywhere('/items/x')
    const before = asked
    assert.ok(before >= 1 && before <= 4, `${before} questions of four workers at once`)
    assert.equal(passed(await everywhere('/items/x')), 16)
    assert.equal(asked, before)
    allowed = false
    assert.equal(passed(await everywhere('/items/x')), 16, 'nobody has purged yet')
    const began = performance.now()
    assert.equal((await (admins[0] as Admin)('DELETE', '/admin/cache/rbac?tenant=acme')).status, 200)
    await waitUntil(async () => passed(await everywhere('/items/x')) === 0)
    assertFelt(t, performance.now() - began)
  })

  test('say so to who purges when workers could purge only what is their own', async () => {
    const purge = () => (admins[0] as Admin)('DELETE', '/admin/cache/rbac?tenant=acme')
    // The others can still be told, but no worker may write to the shared level.
    await redis.say('ACL', 'SETUSER', 'default', '-set')
    const { status, body } = await purge()
    await redis.say('ACL', 'SETUSER', 'default', '+set')
    assert.deepEqual([status, body.code], [503, 'AEGIS_ADMIN_PURGE_IN_PART'])
    assert.equal((await purge()).status, 200)
  })

  test('feel a revocation at one', async (t) => {
    const eve = await bearer({ user_id: 'eve', iat: Math.floor(Date.now() / 1_000) - 10 })
    assert.equal(
      passed(await everywhere('/opened/x', await bearer({ user_id: 'eve', tenant_id: 'acme' }))),
      5,
    )
    const body = { kind: 'user', subject: 'eve', tenantId: 'acme' }
    const began = performance.now()
    const { status, body: made } = await (admins[0] as Admin)('POST', '/admin/revocations', { body })
    assert.equal(status, 201)
    const all = async (wanted: number) =>
      (await everywhere('/token-bucket/x', eve)).every((answer) => answer.status === wanted)
    await waitUntil(() => all(401))
    assertFelt(t, performance.now() - began)
    assert.equal((await (admins[1] as Admin)('DELETE', `/admin/revocations/${made.id}`)).status, 200)
    await waitUntil(() => all(429))
  })

  test('say how Redis is: in the status, in the metrics, and to who purges', async () => {
    const metrics = async () => (await (admins[0] as Admin)('GET', '/metrics')).body as string
    assert.match(await metrics(), /aegis_redis_up\{worker="0"\} 1/)
    assert.match(await metrics(), /aegis_redis_command_duration_seconds_count\{use="counters"\} [1-9]/)
    redis.freeze()
    const answers = await everywhere('/fixed-window/y')
    assert.equal(passed(answers), 16, 'each counts alone, by its own table, which is still empty')
    await waitUntil(async () => (await redisStates()).every((state) => state === 'down'))
    for (const { status, json } of await everywhere('/closed/x')) {
      assert.deepEqual([status, json().code], [503, 'AEGIS_RATE_LIMIT_UNAVAILABLE'], 'onStoreFailure deny')
    }
    assert.equal(passed(await everywhere('/opened/x')), 16, 'onStoreFailure allow')
    const purge = await (admins[0] as Admin)('DELETE', '/admin/cache/rbac?tenant=acme')
    assert.deepEqual([purge.status, purge.body.code], [503, 'AEGIS_ADMIN_PURGE_NOT_SHARED'])
    assert.match(await metrics(), /aegis_redis_up\{worker="0"\} 0/)
    redis.thaw()
    await waitUntil(isUp)
    assert.equal(passed(await everywhere('/closed/x')), 5)
  })
})

/** Tells on standard output, from every thread, when the library is asked for. */
const tellsOfLibrary = `import { registerHooks } from 'node:module'
registerHooks({ resolve(name, context, next) {
  if (name === 'ioredis') process.stdout.write('the library is loaded\\n')
  return next(name, context)
} })`

test('without Redis nothing of it is loaded, and the status says so', async () => {
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tellsOfLibrary)}` }
  for (const configured of [true, false]) {
    const config = await createConfigDir(
      createSaas(upstream.url, { gateway: configured ? { redis: { url: redis.url } } : {} }),
    )
    const gateway = await startGateway({ configDir: config.dir, env })
    const { body } = await createAdmin(gateway)('GET', '/admin/status')
    assert.equal(body.state.redis === 'not configured', !configured)
    await gateway.stop()
    assert.equal(gateway.output().includes('the library is loaded'), configured)
    await config.remove()
  }
})
