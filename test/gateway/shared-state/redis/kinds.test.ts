// Every kind of Redis that gateway.json can name: Sentinel with a failover, a Cluster, TLS, and an ACL user. Real processes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { createRedisCounters } from '../../../../gateway/shared-state/redis/counters.ts'
import type { RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import { createSharedCache } from '../../../../gateway/shared-state/redis/shared-cache.ts'
import { freePort, type RedisOptions, type RedisServer, startRedis } from '../../../services/redis.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { checkOf } from '../conformance.ts'
import { createLink, openLink } from './setup.ts'

async function start(t: TestContext, options: RedisOptions = {}): Promise<RedisServer> {
  const redis = await startRedis(options)
  t.after(() => redis.stop())
  return redis
}

async function connect(t: TestContext, config: Parameters<typeof openLink>[0]): Promise<RedisLink> {
  const { link } = await openLink(config)
  t.after(() => link.close())
  return link
}

/** What the gateway asks of Redis, all of it. */
async function use(link: RedisLink, oneNode = true): Promise<void> {
  const counters = createRedisCounters({ link, oneNode })
  const tenants = ['acme', 'globex', 'initech', 'umbrella', 'hooli']
  for (const tenant of tenants) {
    const checks = [
      checkOf({ key: `a|tenant=${tenant}`, limit: 3 }),
      checkOf({ key: 'b|ip=::1', limit: 100 }),
    ]
    const remaining = []
    for (let i = 0; i < 4; i++) remaining.push((await counters.take(checks))[0]?.remaining)
    assert.deepEqual(remaining, [2, 1, 0, 0])
  }
  assert.equal((await counters.peek(checkOf({ key: 'b|ip=::1', limit: 100 }))).remaining, 85)
  const cache = createSharedCache(link)
  for (const tenant of tenants) {
    const scope = ['rbac', tenant, 'ada']
    const { seal } = await cache.read(scope, ['d'])
    await cache.write(scope, 'd', tenant, { seal, ttlMs: 60_000 })
    assert.deepEqual((await cache.read(scope, ['d'])).values, [tenant])
  }
  await cache.purge(['rbac'])
  assert.deepEqual((await cache.read(['rbac', 'acme', 'ada'], ['d'])).values, [null])
}

describe('a link to', () => {
  test('a Cluster of three finds every tenant’s node, and all its limits together', async (t) => {
    const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
    const nodes = await Promise.all([1, 2, 3].map(() => start(t, { settings })))
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
    execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'ignore' })
    await waitUntil(async () => (await Promise.all(nodes.map(slotsOk))).every(Boolean))
    const link = await connect(t, { cluster: { nodes: addresses.slice(0, 1) } })
    await waitUntil(() => use(link, false).then(() => true))
    const sizes = await Promise.all(nodes.map(async (node) => Number((await node.say('DBSIZE')).slice(1))))
    assert.ok(
      sizes.every((size) => size > 0),
      `${sizes}`,
    )
  })

  test('Redis behind Sentinel follows a failover by itself', async (t) => {
    const primary = await start(t)
    const replica = await start(t, { settings: ['--replicaof', '127.0.0.1', `${primary.port}`] })
    await waitUntil(async () => (await info(replica, 'replication')).includes('master_link_status:up'))
    const sentinel = await startSentinel(t, primary.port)
    const link = await connect(t, {
      sentinel: { name: 'main', nodes: [`127.0.0.1:${sentinel.port}`], username: null, password: null },
      commandTimeoutMs: 200,
      breaker: { failures: 3, probeMs: 20 },
    })
    await use(link)
    await waitUntil(async () => (await sentinel.say('SENTINEL', 'CKQUORUM', 'main')).startsWith('+OK'))
    const counters = createRedisCounters({ link, oneNode: true })
    const check = checkOf({ key: 'after', limit: 5 })
    await waitUntil(async () => {
      const answer = await sentinel.say('SENTINEL', 'FAILOVER', 'main').catch((error: Error) => error.message)
      return answer === '+OK' || answer.startsWith('INPROG')
    })
    await waitUntil(async () => (await info(replica, 'replication')).includes('role:master'))
    await primary.kill()
    await waitUntil(async () => {
      const taken = counters.take([check])
      return Promise.resolve(taken).then(
        ([state]) => state?.allowed,
        () => false,
      )
    })
    assert.ok(Number((await replica.say('DBSIZE')).slice(1)) > 0)
  })

  test('Redis over TLS, with a certificate that it must present and one that it wants', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'aegis-tls-'))
    t.after(() => rm(dir, { recursive: true, force: true }))
    const files = makeCertificates(dir)
    const settings = [
      '--tls-cert-file',
      files.cert,
      '--tls-key-file',
      files.key,
      '--tls-ca-cert-file',
      files.ca,
    ]
    const redis = await start(t, { tls: true, settings })
    const tls = { caFile: files.ca, certFile: files.cert, keyFile: files.key, serverName: 'redis.test' }
    await use(await connect(t, { url: `rediss://127.0.0.1:${redis.port}`, tls }))
    for (const wrong of [
      { ...tls, caFile: null },
      { ...tls, serverName: 'other.test' },
      { ...tls, certFile: null, keyFile: null },
    ]) {
      const { link } = createLink({ url: `rediss://127.0.0.1:${redis.port}`, tls: wrong })
      t.after(() => link.close())
      await waitUntil(() => !(link.status().lastError ?? 'there is no connection').includes('no connection'))
      assert.equal(link.status().state, 'down', JSON.stringify(wrong))
    }
  })

  test('Redis behind Sentinel over TLS speaks TLS to both', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'aegis-tls-'))
    t.after(() => rm(dir, { recursive: true, force: true }))
    const files = makeCertificates(dir)
    const settings = [
      '--tls-cert-file',
      files.cert,
      '--tls-key-file',
      files.key,
      '--tls-ca-cert-file',
      files.ca,
    ]
    const replicated = [...settings, '--tls-replication', 'yes']
    const primary = await start(t, { tls: true, settings: replicated })
    const sentinel = await startSentinel(t, primary.port, { tls: true, settings: replicated })
    const tls = { caFile: files.ca, certFile: files.cert, keyFile: files.key, serverName: 'redis.test' }
    const nodes = [`127.0.0.1:${sentinel.port}`]
    await use(await connect(t, { sentinel: { name: 'main', nodes, username: null, password: null }, tls }))
  })

  test('Redis with an ACL user who may do what the manual says and no more', async (t) => {
    const redis = await start(t)
    const rights =
      '~aegis:* &aegis:* +@read +@write +@connection +@scripting +@pubsub +info +time -@dangerous +info +keys'
    await redis.say('ACL', 'SETUSER', 'gateway', 'on', '>p@ss:w/rd', ...rights.split(' '))
    await redis.say('ACL', 'SETUSER', 'default', 'off')
    const url = `redis://gateway:${encodeURIComponent('p@ss:w/rd')}@127.0.0.1:${redis.port}/0`
    await use(await connect(t, { url }))
    const named = { url: redis.url, username: 'gateway', password: 'p@ss:w/rd' }
    await use(await connect(t, { ...named, keyPrefix: 'aegis:2:' }))
  })
})

async function slotsOk(node: RedisServer): Promise<boolean> {
  return (await bulk(node, 'CLUSTER', 'INFO')).includes('cluster_state:ok')
}

function info(node: RedisServer, section: string): Promise<string> {
  return bulk(node, 'INFO', section)
}

async function bulk(node: RedisServer, ...command: string[]): Promise<string> {
  return execFileSync('redis-cli', ['-p', `${node.port}`, ...command], { encoding: 'utf8' })
}

async function startSentinel(
  t: TestContext,
  primaryPort: number,
  over: RedisOptions = {},
): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-sentinel-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(dir, 'sentinel.conf')
  await writeFile(
    file,
    `sentinel monitor main 127.0.0.1 ${primaryPort} 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 5000
`,
  )
  const program = ['redis-server', file, '--sentinel']
  return start(t, { ...over, program, port, readyLine: /\+monitor master main/ })
}

/** A CA and one certificate of it for both ends. */
function makeCertificates(dir: string) {
  const at = (name: string) => join(dir, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test CA', '-days', '2')
  openssl(
    'req',
    ...key,
    '-keyout',
    'redis.key',
    '-out',
    'redis.csr',
    '-subj',
    '/CN=redis.test',
    '-addext',
    'subjectAltName=DNS:redis.test',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'redis.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'redis.crt',
    '-days',
    '2',
    '-copy_extensions',
    'copy',
  )
  return { ca: at('ca.crt'), cert: at('redis.crt'), key: at('redis.key') }
}
