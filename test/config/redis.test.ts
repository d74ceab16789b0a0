// Rules about `redis` in gateway.json, and REDIS_URL.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEnvironment } from '../../config/env.ts'
import { buildGood, goodFiles, problemsOf } from './files.ts'

const withRedis = (redis: object) => {
  const files = goodFiles()
  ;(files.gateway as Record<string, unknown>).redis = redis
  return files
}

const refused: [title: string, redis: object, pointer: string, sentence: RegExp][] = [
  ['another protocol', { url: 'http://127.0.0.1' }, '/redis/url', /redis:\/\//],
  ['a URL that cannot be read', { url: 'redis://[1' }, '/redis/url', /cannot be read/],
  [
    'two kinds at once',
    { url: 'redis://a', cluster: { nodes: ['a:1'] } },
    '/redis',
    /keep one of url, sentinel and cluster/,
  ],
  ['a node without a port', { cluster: { nodes: ['a'] } }, '/redis/cluster/nodes/0', /host:port/],
  [
    'a Sentinel without a name',
    { sentinel: { nodes: ['a:1'] } },
    '/redis/sentinel',
    /gateway.json#\/redis\/sentinel/,
  ],
  [
    'a database of a Cluster',
    { cluster: { nodes: ['a:1'] }, database: 1 },
    '/redis/database',
    /only database 0/,
  ],
  ['half a client certificate', { url: 'rediss://a', tls: { certFile: 'a' } }, '/redis/tls', /together/],
  ['a prefix with a brace', { url: 'redis://a', keyPrefix: 'a{' }, '/redis/keyPrefix', /braces/],
]

for (const [title, redis, pointer, sentence] of refused) {
  test(`refuses ${title}`, async () => {
    const problems = problemsOf(withRedis(redis))
    const found = problems.find((problem) => problem.includes(`#${pointer}`))
    assert.match(found ?? problems.join(), sentence)
  })
}

test('an empty URL, as of a variable that is not set, is no Redis', async () => {
  assert.equal((await buildGood(withRedis({ url: '' }))).gateway.redis, null)
})

test('defaults are filled in and paths are absolute', async () => {
  const { redis } = (await buildGood(withRedis({ url: 'rediss://u:p@h:1/2', tls: { caFile: 'tls/ca.pem' } })))
    .gateway
  assert.equal(redis?.commandTimeoutMs, 50)
  assert.deepEqual(redis?.breaker, { failures: 5, probeMs: 250 })
  assert.equal(redis?.tls?.caFile, '/nowhere/tls/ca.pem')
  assert.equal(redis?.sentinel, null)
})

test('REDIS_URL names another Redis, however the file names one', async () => {
  const overrides = readEnvironment([], { REDIS_URL: 'redis://other:1' }).overrides
  for (const redis of [{ url: 'redis://a' }, { cluster: { nodes: ['a:1'] } }]) {
    const { gateway } = await buildGood(withRedis(redis), { overrides })
    assert.deepEqual([gateway.redis?.url, gateway.redis?.cluster], ['redis://other:1', null])
  }
  assert.equal((await buildGood(goodFiles(), { overrides })).gateway.redis?.url, 'redis://other:1')
})

test('a REDIS_URL of another protocol is refused', () => {
  assert.throws(() => readEnvironment([], { REDIS_URL: 'localhost:6379' }), /REDIS_URL must begin with/)
})
