// The Consul client against a real agent: what an operator's settings mean there.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ConfigError } from '../../../../gateway/contract/errors.ts'
import { LostRace } from '../../../../gateway/control/config-store.ts'
import { createConsulClient, type InstanceQuery } from '../../../../gateway/control/consul/client.ts'
import { createKvStore } from '../../../../gateway/control/consul/kv-store.ts'
import { makeFolder, writeFiles } from '../../../config/files.ts'
import { startConsul, type TestConsul } from '../../../services/consul.ts'
import { createTestClock } from '../../../support/clock.ts'

const root = '5ea1a1b2-0000-4000-8000-00000000aaaa'

describe('a Consul client with an ACL token', () => {
  let consul: TestConsul
  const clock = createTestClock()
  const clients: { destroy(): void }[] = []
  const connect = (token: string) => {
    const client = createConsulClient({ url: consul.url, token, clock })
    clients.push(client)
    return client
  }
  const never = new AbortController().signal

  before(async () => {
    const acl = { enabled: true, default_policy: 'deny', tokens: { master: root, agent: root } }
    consul = await startConsul({ config: { acl }, token: root })
    await consul.register({ name: 'api', id: 'one', port: 81, tags: ['v1', 'blue'] })
    await consul.register({ name: 'api', id: 'two', port: 82, tags: ['v1'], status: 'warning' })
    await consul.register({ name: 'api', id: 'three', port: 83, tags: ['v2'] })
    await consul.register({ name: 'api', id: 'four', port: 84, tags: ['v1'], status: 'critical' })
  })
  after(async () => {
    for (const client of clients) client.destroy()
    await consul.kill()
  })

  const portsOf = async (over: Partial<InstanceQuery>, token = root) => {
    const query = { service: 'api', tags: [], datacenter: null, passingOnly: true, stale: true, ...over }
    const { value, index } = await connect(token).instances(query, { index: 0, signal: never })
    assert.ok(index > 0)
    return value.map(({ Service }) => Service?.Port).sort()
  }

  test('is given the instances that its settings ask for', async () => {
    assert.deepEqual(await portsOf({}), [81, 83])
    assert.deepEqual(await portsOf({ tags: ['v1'] }), [81])
    assert.deepEqual(await portsOf({ tags: ['v1', 'blue'] }), [81])
    assert.deepEqual(await portsOf({ tags: ['v2', 'blue'] }), [])
    assert.deepEqual(await portsOf({ passingOnly: false, tags: ['v1'] }), [81, 82, 84])
    assert.deepEqual(await portsOf({ datacenter: 'dc1', stale: false }), [81, 83])
  })

  test('is given nothing with a token that may read nothing, and an error with one that is none', async () => {
    assert.deepEqual(await portsOf({}, ''), [])
    await assert.rejects(portsOf({}, 'no-such-token'), /403: the ACL token does not allow this/)
  })

  test('hears of another datacenter that does not exist as a failure', async () => {
    await assert.rejects(portsOf({ datacenter: 'nowhere' }), /the answer is 500/)
  })

  test('waits for a change, and hears of it when it comes', async () => {
    const client = connect(root)
    const query = { service: 'api', tags: ['new'], datacenter: null, passingOnly: true, stale: true }
    const { index } = await client.instances(query, { index: 0, signal: never })
    const waiting = client.instances(query, { index, signal: never })
    await consul.register({ name: 'api', id: 'five', port: 85, tags: ['new'] })
    assert.deepEqual(
      (await waiting).value.map(({ Service }) => Service?.Port),
      [85],
    )
  })

  test('writes keys together or not at all', async () => {
    const client = connect(root)
    const [a, b] = ['pair/a', 'pair/b']
    assert.equal(await client.write([], [{ key: a, value: '1', index: 0 }]), true)
    // The second key's check fails: the first is not written either.
    assert.equal(await client.write([{ key: b, index: 99 }], [{ key: a, value: '2', index: 0 }]), false)
    assert.equal(await consul.get(a), '1')
    const { value } = await client.keys('pair/', { index: 0, signal: never })
    const index = value[0]?.index ?? 0
    assert.equal(
      await client.write(
        [],
        [
          { key: a, value: '3', index },
          { key: b, value: '1', index: 7 },
        ],
      ),
      false,
    )
    assert.deepEqual([await consul.get(a), await consul.get(b)], ['1', undefined])
    assert.equal(await client.write([{ key: b, index: 0 }], [{ key: a, value: 'é', index }]), true)
    assert.equal(await consul.get(a), 'é')
    assert.equal(client.state().up, true)
  })

  test('sees only the keys below its prefix', async () => {
    await consul.put('aegis/config/routes.json', '{}')
    await consul.put('aegis/config2/routes.json', '{}')
    const { value } = await connect(root).keys('aegis/config/', { index: 0, signal: never })
    assert.deepEqual(
      value.map(({ key }) => key),
      ['aegis/config/routes.json'],
    )
    const none = await connect(root).keys('nothing/here/', { index: 0, signal: never })
    assert.deepEqual(none.value, [])
  })

  test('a config that is too large for a key is refused with a reason, one that lost a race as such', async (t) => {
    const configDir = await makeFolder(t)
    await writeFiles(configDir)
    const store = createKvStore({ client: connect(root), prefix: 'large', configDir })
    const empty = await store.read()
    assert.equal(empty.problems.length, 2)
    const plans = Object.fromEntries(Array.from({ length: 40_000 }, (_, n) => [`plan-${n}`, {}]))
    await assert.rejects(store.write(empty, { routes: { plans }, plugins: {} }), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /routes\.json: Consul KV cannot be written at large: .* 512 KiB/)
      return true
    })
    await store.write(empty, { routes: {}, plugins: {} })
    await assert.rejects(store.write(empty, { routes: {}, plugins: {} }), LostRace)
    await assert.rejects(store.write(empty, { routes: {} }), LostRace)
    // The two were checked together: a change of the other one counts too.
    const read = await store.read()
    await consul.put('large/plugins.json', '{"plugins": []}')
    await assert.rejects(store.write(read, { routes: { routes: [] } }), LostRace)
    assert.equal(await consul.get('large/routes.json'), '{}\n')
  })
})
