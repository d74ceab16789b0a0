// What is looked up for whom, what workers are told, and what stays when nothing good is heard.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Feed } from '../../../../gateway/contract/protocol.ts'
import type { ConsulDiscovery } from '../../../../gateway/contract/snapshot.ts'
import type { ConsulClient, InstanceEntry } from '../../../../gateway/control/consul/client.ts'
import { createDiscovery, type Upstreams } from '../../../../gateway/control/discovery/discovery.ts'
import { createLastGood } from '../../../../gateway/control/discovery/last-good.ts'
import { makeFolder } from '../../../config/files.ts'
import { createTestClock } from '../../../support/clock.ts'
import { toInstances } from '../../../support/lying-consul.ts'
import { createTestPorts } from '../../../support/ports.ts'
import { createUpstream } from '../../dataplane/upstream/fixture.ts'

type EndpointsFeed = Extract<Feed, { topic: 'endpoints' }>

/** A Consul that answers as it is told, as often as it is asked: every question is answered at once. */
function createFakeConsul() {
  const services = new Map<string, readonly InstanceEntry[] | Error>()
  const asked: string[] = []
  let index = 0
  const client = {
    async instances({ service }: { service: string }) {
      asked.push(service)
      const answer = services.get(service) ?? []
      if (answer instanceof Error) throw answer
      index += 1
      return { value: answer, index }
    },
    state: () => ({ up: true }),
  } as unknown as ConsulClient
  return { client, services, asked }
}

const consulOf = (over: Partial<ConsulDiscovery> = {}): ConsulDiscovery => ({
  kind: 'consul',
  service: 'api',
  tags: [],
  datacenter: null,
  scheme: 'http',
  passingOnly: true,
  stale: true,
  onEmpty: 'keep',
  ...over,
})

const one = (over: Partial<ConsulDiscovery> = {}): Upstreams => ({
  api: createUpstream([], { discovery: consulOf(over) }),
  fixed: createUpstream([1], { name: 'fixed' }),
})
const perTenant = one({ service: 'api-service-{tenant}' })

async function createBench(t: TestContext, over: { readonly folder?: string; readonly consul?: null } = {}) {
  const folder = over.folder ?? (await makeFolder(t))
  const clock = createTestClock()
  const ports = createTestPorts({ clock })
  const consul = createFakeConsul()
  const feeds: EndpointsFeed[] = []
  const lookups: string[] = []
  let changes = 0
  const lastGood = createLastGood(join(folder, 'endpoints.json'), clock, ports.log)
  const discovery = createDiscovery({
    ...{ clock, log: ports.log, random: () => 0.5, crowd: { size: 0 } },
    consul: over.consul === null ? null : consul.client,
    lastGood,
    publish: (feed) => void feeds.push(feed as EndpointsFeed),
    onChange: () => {
      changes += 1
    },
    onLookup: (source, result) => void lookups.push(`${source} ${result}`),
  })
  t.after(() => discovery.stop())
  /** What a worker that heard every feed knows: ports by key. */
  const heard = () => {
    const known: Record<string, string> = {}
    for (const { upstream, targets } of feeds) {
      if (targets === null) delete known[upstream]
      else known[upstream] = targets.map(({ url }) => new URL(url).port).join()
    }
    return known
  }
  const settle = async () => {
    for (let i = 0; i < 20; i++) {
      clock.advance(200)
      await new Promise(setImmediate)
    }
    await lastGood.flush()
  }
  return {
    ...consul,
    discovery,
    clock,
    feeds,
    lookups,
    heard,
    settle,
    folder,
    logged: ports.logged,
    changes: () => changes,
  }
}

describe('discovery', () => {
  test('tells workers of the endpoints of a service, and of each change once', async (t) => {
    const { discovery, services, heard, settle, feeds } = await createBench(t)
    services.set('api', toInstances(81, 82))
    discovery.apply(one())
    await settle()
    assert.deepEqual(heard(), { api: '81,82' })
    services.set('api', toInstances(82))
    await settle()
    assert.deepEqual(heard(), { api: '82' })
    assert.equal(feeds.length, 2)
  })

  test('gives health checks every upstream with what is known of it', async (t) => {
    const { discovery, services, settle, changes } = await createBench(t)
    services.set('api', toInstances(81))
    discovery.apply(one())
    const before = changes()
    await settle()
    assert.ok(changes() > before)
    const upstreams = discovery.upstreams()
    assert.deepEqual(Object.keys(upstreams).sort(), ['api', 'fixed'])
    assert.deepEqual(upstreams.api?.targets, [{ url: 'http://127.0.0.1:81', weight: 1 }])
    assert.equal(upstreams.fixed?.targets.length, 1)
  })

  const silences: readonly (readonly [string, readonly InstanceEntry[] | Error, string])[] = [
    ['fails', new Error('the answer is 500'), 'failed'],
    ['is empty', [], 'empty'],
  ]
  for (const [what, answer, state] of silences) {
    test(`keeps the last good endpoints while the answer ${what}, and says so once`, async (t) => {
      const { discovery, services, heard, settle, logged, lookups } = await createBench(t)
      services.set('api', toInstances(81))
      discovery.apply(one())
      await settle()
      services.set('api', answer)
      await settle()
      await settle()
      assert.deepEqual(heard(), { api: '81' })
      assert.equal(discovery.states()[0]?.state, state)
      assert.equal(logged.filter(({ level }) => level === 'warn').length, 1)
      assert.ok(lookups.includes(`consul ${state}`))
      services.set('api', toInstances(82))
      await settle()
      assert.deepEqual(heard(), { api: '82' })
      assert.equal(discovery.states()[0]?.state, 'found')
    })
  }

  test('has no endpoints after an empty answer where it is told to believe it', async (t) => {
    const { discovery, services, heard, settle } = await createBench(t)
    services.set('api', toInstances(81))
    discovery.apply(one({ onEmpty: 'clear' }))
    await settle()
    services.set('api', new Error('away'))
    await settle()
    assert.deepEqual(heard(), { api: '81' })
    services.set('api', [])
    await settle()
    assert.deepEqual(heard(), { api: '' })
  })

  test('says at once that nothing is known when the first attempt fails, so that no request waits in vain', async (t) => {
    const { discovery, services, heard, settle } = await createBench(t)
    services.set('api', new Error('away'))
    discovery.apply(one())
    assert.deepEqual(heard(), {})
    await settle()
    assert.deepEqual(heard(), { api: '' })
  })

  test('without Consul says that it was started without', async (t) => {
    const { discovery, heard } = await createBench(t, { consul: null })
    discovery.apply(one())
    assert.deepEqual(heard(), { api: '' })
    assert.match(discovery.states()[0]?.error ?? '', /started without Consul/)
  })

  test('stops what a new config no longer has, and looks up anew what it has otherwise', async (t) => {
    const { discovery, services, asked, heard, settle, feeds } = await createBench(t)
    services.set('api', toInstances(81))
    services.set('api-v2', toInstances(91))
    discovery.apply(one())
    await settle()
    discovery.apply(one({ service: 'api-v2' }))
    await settle()
    assert.deepEqual(heard(), { api: '91' })
    assert.match(feeds.at(-1)?.source ?? '', /api-v2/)
    discovery.apply({})
    assert.deepEqual(heard(), {})
    const { length } = asked
    await settle()
    assert.equal(asked.length, length)
  })

  test('goes on with what a new config has in the same way', async (t) => {
    const { discovery, services, settle, feeds } = await createBench(t)
    services.set('api', toInstances(81))
    discovery.apply(one())
    await settle()
    discovery.apply({ ...one(), other: createUpstream([1], { name: 'other' }) })
    await settle()
    assert.equal(feeds.length, 1)
  })

  test('is settled once every shared upstream was tried, or the time is over', async (t) => {
    const { discovery, clock, settle } = await createBench(t)
    discovery.apply(one())
    let settled = false
    const waiting = discovery.settled(60_000).then(() => {
      settled = true
    })
    await settle()
    await waiting
    assert.equal(settled, true)
    const late = await createBench(t)
    late.client.instances = () => new Promise(() => {})
    late.discovery.apply(one())
    const inVain = late.discovery.settled(2000)
    late.clock.advance(2000)
    await inVain
    assert.ok(clock.monotonicMs() > 0)
  })
})

describe('discovery for tenants', () => {
  test('looks a tenant up when a worker asks, and no longer when none does', async (t) => {
    const { discovery, services, asked, heard, settle } = await createBench(t)
    services.set('api-service-acme', toInstances(81))
    services.set('api-service-globex', toInstances(91))
    discovery.apply(perTenant)
    await settle()
    assert.deepEqual(asked, [])
    discovery.open('api', 'acme', 1)
    discovery.open('api', 'acme', 2)
    discovery.open('api', 'globex', 2)
    await settle()
    assert.deepEqual(heard(), { 'api/acme': '81', 'api/globex': '91' })
    discovery.close('api', 'acme', 1)
    assert.deepEqual(Object.keys(heard()), ['api/acme', 'api/globex'])
    discovery.releaseAll(2)
    assert.deepEqual(heard(), {})
    const { length } = asked
    await settle()
    assert.equal(asked.length, length)
  })

  test('tells a worker that comes later, and one that is new', async (t) => {
    const { discovery, services, settle, feeds } = await createBench(t)
    services.set('api-service-acme', toInstances(81))
    discovery.apply(perTenant)
    discovery.open('api', 'acme', 1)
    await settle()
    const { length } = feeds
    discovery.open('api', 'acme', 2)
    assert.equal(feeds.length, length + 1)
    assert.deepEqual(
      discovery.replay().map((feed) => (feed as EndpointsFeed).upstream),
      ['api/acme'],
    )
  })

  test('looks a tenant up that was asked for before its config was there', async (t) => {
    const { discovery, services, heard, settle } = await createBench(t)
    services.set('api-service-acme', toInstances(81))
    discovery.open('api', 'acme', 1)
    await settle()
    assert.deepEqual(heard(), {})
    discovery.apply(perTenant)
    await settle()
    assert.deepEqual(heard(), { 'api/acme': '81' })
  })

  test('never gives a tenant the endpoints of the whole upstream, or the other way round', async (t) => {
    const { discovery, services, heard, settle } = await createBench(t)
    services.set('api', toInstances(71))
    services.set('api-service-acme', toInstances(81))
    discovery.apply(perTenant)
    discovery.open('api', 'acme', 1)
    await settle()
    discovery.apply(one())
    await settle()
    assert.deepEqual(heard(), { api: '71' })
    discovery.apply(perTenant)
    await settle()
    assert.deepEqual(heard(), { 'api/acme': '81' })
  })
})

describe('endpoints on disk', () => {
  test('are what a gateway begins with while Consul is away', async (t) => {
    const first = await createBench(t)
    first.services.set('api', toInstances(81))
    first.discovery.apply(one())
    await first.settle()
    await first.discovery.stop()

    const second = await createBench(t, { folder: first.folder })
    second.services.set('api', new Error('away'))
    second.discovery.apply(one())
    assert.deepEqual(second.heard(), { api: '81' })
    await second.settle()
    assert.deepEqual(second.heard(), { api: '81' })
  })

  test('are not used for another service of the same name, and are forgotten with their upstream', async (t) => {
    const first = await createBench(t)
    first.services.set('api', toInstances(81))
    first.discovery.apply(one())
    await first.settle()
    await first.discovery.stop()

    const renamed = await createBench(t, { folder: first.folder })
    renamed.discovery.apply(one({ service: 'other' }))
    assert.deepEqual(renamed.heard(), {})
    renamed.discovery.apply({})
    await renamed.discovery.stop()
    const { upstreams } = JSON.parse(await readFile(join(first.folder, 'endpoints.json'), 'utf8'))
    assert.deepEqual(upstreams, {})
  })

  for (const [what, text] of [
    ['half-written', '{"version":1,"upst'],
    ['of another shape', '{"upstreams":{"api":{"source":1,"targets":["x"]}}}'],
    [
      'holding what is no origin',
      '{"upstreams":{"api":{"source":"s","targets":[{"url":"http://a/b","weight":1}]}}}',
    ],
  ] as const) {
    test(`that are ${what} are ignored`, async (t) => {
      const folder = await makeFolder(t)
      await writeFile(join(folder, 'endpoints.json'), text)
      const { discovery, services, heard, settle } = await createBench(t, { folder })
      services.set('api', toInstances(81))
      discovery.apply(one())
      assert.deepEqual(heard(), {})
      await settle()
      assert.deepEqual(heard(), { api: '81' })
    })
  }
})
