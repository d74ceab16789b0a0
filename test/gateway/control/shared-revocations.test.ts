// Revocations of several gateways over a real Redis: each keeps what it knows, whatever becomes of Redis.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createSystemClock } from '../../../gateway/contract/clock.ts'
import type { Revocation } from '../../../gateway/contract/protocol.ts'
import { createRevocationStore } from '../../../gateway/control/revocations.ts'
import { openSiblings, type Siblings } from '../../../gateway/control/siblings.ts'
import { type RedisServer, startRedis } from '../../services/redis.ts'
import { waitUntil } from '../../support/gateway.ts'
import { createTestPorts } from '../../support/ports.ts'
import { redisConfig } from '../shared-state/redis/setup.ts'

interface Gateway extends Siblings {
  /** What its workers were told last. */
  told: readonly Revocation[]
  subjects(): string[]
}

let dir: string
let redis: RedisServer
/** Servers of single tests, so that one that fails leaves none behind. */
const servers: RedisServer[] = []
const open: Gateway[] = []
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'aegis-revocations-'))
  redis = await startRedis()
})
after(async () => {
  for (const gateway of open) gateway.close()
  // What is still being written would come back behind the removal.
  await Promise.all(open.map(({ revocations }) => revocations.stop()))
  await Promise.all([redis, ...servers].map((server) => server?.stop()))
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

let names = 0

/** Groups of gateways with one prefix share; `stateDir` that of an earlier one is its restart. */
async function start(keyPrefix: string, over: { url?: string; stateDir?: string } = {}) {
  names += 1
  const { url = redis.url, stateDir = join(dir, `${names}`) } = over
  const clock = createSystemClock()
  const ports = createTestPorts()
  const siblings = await openSiblings({
    config: redisConfig({ url, keyPrefix }),
    ...{ clock, limit: 1_000, log: ports.log, metrics: ports.metrics },
    local: createRevocationStore({ stateDir, clock, limit: 1_000 }),
    onRevocations: () => {
      gateway.told = siblings.revocations.list()
    },
    onPurge: () => {},
  })
  const gateway: Gateway = {
    ...siblings,
    told: [],
    subjects: () =>
      siblings.revocations
        .list()
        .map(({ subject }) => subject)
        .sort(),
  }
  open.push(gateway)
  await waitUntil(() => siblings.status()?.state === 'up')
  return { ...gateway, stateDir, gateway }
}

const now = Math.floor(Date.now() / 1_000)
const entry = (subject: string, over: Partial<Revocation> = {}) => ({
  kind: 'user' as const,
  subject,
  tenantId: 'acme',
  notBefore: now,
  expiresAt: now + 3_600,
  ...over,
})

describe('revocations that gateways share', () => {
  test('reach the others at once, and so does lifting one', async (t) => {
    const [one, two] = [await start('a:'), await start('a:')]
    const added = await one.revocations.add(entry('ada'))
    const began = performance.now()
    await waitUntil(() => two.subjects().includes('ada'))
    t.diagnostic(`known to the other one after ${(performance.now() - began).toFixed(0)} ms`)
    assert.deepEqual(two.gateway.told, [added], 'workers are told too')
    assert.equal(await two.revocations.remove(added.id), true)
    await waitUntil(() => one.subjects().length === 0)
    assert.deepEqual(two.subjects(), [])
  })

  test('are known to a gateway that starts later', async () => {
    const one = await start('b:')
    for (let i = 0; i < 450; i++) await one.revocations.add(entry(`u${i}`))
    const late = await start('b:')
    await waitUntil(() => late.subjects().length === 450)
  })

  test('that are made while Redis is away count here at once, and elsewhere when it is back', async () => {
    const own = await startRedis()
    servers.push(own)
    const [one, two] = [await start('c:', own), await start('c:', own)]
    await one.revocations.add(entry('before'))
    await waitUntil(() => two.subjects().length === 1)
    await own.kill()
    await one.revocations.add(entry('meanwhile'))
    assert.deepEqual(one.subjects(), ['before', 'meanwhile'])
    assert.deepEqual(two.subjects(), ['before'], 'what is known stays')
    const again = await startRedis({ port: own.port })
    servers.push(again)
    await waitUntil(() => two.subjects().length === 2)
    assert.deepEqual(one.subjects(), ['before', 'meanwhile'], 'an empty Redis makes nothing valid again')
  })

  test('cannot be lifted while Redis is away', async () => {
    const own = await startRedis()
    servers.push(own)
    const one = await start('d:', own)
    const { id } = await one.revocations.add(entry('ada'))
    await own.kill()
    await assert.rejects(one.revocations.remove(id), { code: 'AEGIS_REVOCATION_NOT_SHARED', status: 503 })
    assert.deepEqual(one.subjects(), ['ada'])
    await own.stop()
  })

  test('that were lifted are not brought back by a gateway that was away', async () => {
    const [one, two] = [await start('e:'), await start('e:')]
    const { id } = await one.revocations.add(entry('ada'))
    await waitUntil(() => two.subjects().length === 1)
    await two.revocations.stop()
    two.close()
    await one.revocations.remove(id)
    const again = await start('e:', { stateDir: two.stateDir })
    await waitUntil(() => again.subjects().length === 0)
    assert.deepEqual(one.subjects(), [])
  })

  test('made anew after being lifted count again, everywhere', async () => {
    const [one, two] = [await start('f:'), await start('f:')]
    const { id } = await one.revocations.add(entry('ada'))
    await one.revocations.remove(id)
    await two.revocations.add(entry('ada', { notBefore: now + 1 }))
    await waitUntil(() => one.subjects().length === 1)
  })

  test('of one subject made at two gateways at once become the longer one', async () => {
    const [one, two] = [await start('g:'), await start('g:')]
    await Promise.all([
      one.revocations.add(entry('ada', { expiresAt: now + 100 })),
      two.revocations.add(entry('ada', { notBefore: now + 5, expiresAt: now + 50 })),
    ])
    for (const gateway of [one, two]) {
      await waitUntil(() => {
        const [found, ...more] = gateway.revocations.list()
        return more.length === 0 && found?.notBefore === now + 5 && found.expiresAt === now + 100
      })
    }
    assert.equal(one.revocations.list()[0]?.id, two.revocations.list()[0]?.id)
  })
})
