import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { SharedCache } from '../../../../gateway/contract/ports.ts'
import type { RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import { createSharedCache } from '../../../../gateway/shared-state/redis/shared-cache.ts'
import { type RedisServer, startRedis } from '../../../services/redis.ts'
import { openLink } from './setup.ts'

let redis: RedisServer
let link: RedisLink
let one: SharedCache
let two: SharedCache
before(async () => {
  redis = await startRedis()
  ;({ link } = await openLink({ url: redis.url }))
  one = createSharedCache(link)
  two = createSharedCache(link)
})
after(async () => {
  link?.close()
  await redis?.stop()
})

const scopes = [
  ['rbac', 'acme', 'ada'],
  ['rbac', 'acme', 'bob'],
  ['rbac', 'acme', 'ad'],
  ['rbac', 'globex', 'ada'],
  ['other', 'acme', 'ada'],
  // The same letters, cut elsewhere.
  ['rba', 'cacme', 'ada'],
  ['rbaca', 'cme', 'ada'],
  ['rbac', '', ''],
  ['rbac', '4:acme', 'ada'],
  ['rbac', 'a}c{me', 'ada'],
  ['rbac', 'a%7Dc{me', 'ada'],
]

async function fill(): Promise<void> {
  for (const scope of scopes) {
    const { seal } = await one.read(scope, ['d'])
    await one.write(scope, 'd', JSON.stringify(scope), { seal, ttlMs: 60_000 })
  }
}

async function kept(): Promise<string[]> {
  const values = await Promise.all(scopes.map(async (scope) => (await two.read(scope, ['d'])).values[0]))
  for (const [i, value] of values.entries()) {
    if (value !== null) assert.equal(value, JSON.stringify(scopes[i]), 'a scope reads its own entry only')
  }
  return scopes.filter((_, i) => values[i] !== null).map((scope) => scope.join('/'))
}

const purges: [scope: string[], gone: (scope: string[]) => boolean][] = [
  [['rbac'], ([plugin]) => plugin === 'rbac'],
  [['rbac', 'acme'], ([plugin, tenant]) => plugin === 'rbac' && tenant === 'acme'],
  [['rbac', 'acme', 'ada'], (scope) => scope.join() === 'rbac,acme,ada'],
]
for (const [purged, isGone] of purges) {
  test(`a purge of ${purged.join('/')} drops that and what is below, and nothing beside it`, async () => {
    await fill()
    assert.equal((await kept()).length, scopes.length)
    await one.purge(purged)
    const expected = scopes.filter((scope) => !isGone(scope)).map((scope) => scope.join('/'))
    assert.deepEqual(await kept(), expected)
    await fill()
    assert.equal((await kept()).length, scopes.length, 'and can be filled again')
  })
}

test('what was found out before a purge and written after it does not count', async () => {
  const scope = ['rbac', 'acme', 'eve']
  for (const purged of [['rbac'], ['rbac', 'acme'], scope]) {
    const { seal } = await one.read(scope, ['d'])
    await two.purge(purged)
    await one.write(scope, 'd', 'old', { seal, ttlMs: 60_000 })
    assert.deepEqual((await two.read(scope, ['d'])).values, [null], purged.join('/'))
  }
})

test('an entry ends with its time, and names of one scope are apart', async () => {
  const scope = ['rbac', 'acme', 'ada']
  const { seal, values } = await one.read(scope, ['x', 'y'])
  assert.deepEqual(values, [null, null])
  await one.write(scope, 'x', '1\n2', { seal, ttlMs: 30_000 })
  assert.deepEqual((await two.read(scope, ['x', 'y'])).values, ['1\n2', null])
  const [key] = await link.run('cache', (client) => client.keys('aegis:entry:*/x'))
  const lives = Number((await redis.say('PTTL', key as string)).slice(1))
  assert.ok(lives > 25_000 && lives <= 30_000, `${lives}`)
})
