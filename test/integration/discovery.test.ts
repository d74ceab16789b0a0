// Services come and go in a real Consul, and the traffic of a running gateway follows.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startConsul, type TestConsul } from '../services/consul.ts'
import { createAdmin } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { createDiscoveryConfig, discoveryPlugins } from '../support/discovery-config.ts'
import { parseMetrics } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { killerEntry, killWorker, writeKiller } from '../support/killer.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createSteadyLoad } from '../support/steady-load.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const upstreams = {
  shared: {
    consul: { service: 'api', tag: 'v1' },
    retry: { attempts: 2, on: ['connect-failure', 'reset-before-response'] },
  },
  own: { consul: { service: 'api-service-{tenant}' } },
}

/** A plugin that answers `x-instance: ask` with what every instance of it draws for itself when it is made. */
const instanceSource = `
import { randomUUID } from 'node:crypto'
import { Type } from '${import.meta.resolve('typebox')}'
export default {
  name: 'instance',
  schema: Type.Object({}, { additionalProperties: false }),
  onFailure: 'deny',
  create: () => {
    const own = randomUUID()
    return {
      onRequest: (ex) =>
        ex.header('x-instance') === 'ask'
          ? { status: 200, code: '', detail: '', headers: ['content-type', 'text/plain'], body: own }
          : undefined,
    }
  },
}
`
const instanceEntry = { id: 'instance', plugin: './instance.ts' }

/** Answers with its own name. */
function named(name: string): Promise<TestUpstream> {
  return createUpstream((_, res) => res.end(name))
}

describe('a gateway that finds its upstreams in Consul', () => {
  let consul: TestConsul
  let backends: Record<'a' | 'b' | 'c' | 'd', TestUpstream>
  let config: { dir: string; remove(): Promise<void> }
  let gateway: TestGateway

  before(async () => {
    consul = await startConsul()
    backends = { a: await named('a'), b: await named('b'), c: await named('c'), d: await named('d') }
    // Else it would be the server that closes what is not used for a while.
    backends.d.server.keepAliveTimeout = 0
    await consul.register({ name: 'api', id: 'a', port: backends.a.port, tags: ['v1'] })
    await consul.register({ name: 'steady', id: 'd', port: backends.d.port })
    const parts = createDiscoveryConfig(consul, upstreams)
    const routes = {
      ...parts.routes,
      upstreams: { ...upstreams, steady: { consul: { service: 'steady' } } },
      routes: [
        ...parts.routes.routes,
        { id: 'steady', paths: ['/steady'], upstream: 'steady', auth: 'none' },
      ],
    }
    config = await createConfigDir({ ...parts, routes, plugins: [instanceEntry, ...discoveryPlugins] })
    await writeFile(join(config.dir, 'instance.ts'), instanceSource)
    gateway = await startGateway({ configDir: config.dir })
  })
  after(async () => {
    await gateway.stop()
    await consul.kill()
    await Promise.all([...Object.values(backends).map((one) => one.close()), config.remove()])
  })

  const who = async (path: string, host = 'tenant123.example.com') => {
    const { status, text } = await ask(gateway.port, path, { host })
    return status === 200 ? text : String(status)
  }
  /** Everybody that answers twenty requests in a row. */
  const answering = async (path: string, host?: string) => {
    const names = await Promise.all(Array.from({ length: 20 }, () => who(path, host)))
    return [...new Set(names)].sort().join()
  }
  const isAnswering = (expected: string, path = '/shared', host?: string) =>
    waitUntil(async () => (await answering(path, host)) === expected, 5_000)

  test('serves from its first request on', async () => {
    assert.equal(await answering('/shared'), 'a')
  })

  test('follows services that come, go and fail their checks, without losing a request', async () => {
    const load = createSteadyLoad({
      port: gateway.port,
      path: '/shared',
      host: 'tenant123.example.com',
      clients: 4,
    })
    await consul.register({ name: 'api', id: 'b', port: backends.b.port, tags: ['v1', 'blue'] })
    await isAnswering('a,b')
    await consul.deregister('a')
    await isAnswering('b')
    await consul.register({ name: 'api', id: 'c', port: backends.c.port, tags: ['v2'] })
    await consul.register({ name: 'api', id: 'a', port: backends.a.port, tags: ['v1'] })
    await isAnswering('a,b')
    await consul.setStatus('b', 'critical')
    await isAnswering('a')
    await consul.setStatus('b', 'passing')
    await isAnswering('a,b')
    assert.deepEqual((await load.stop(100)).bad, {})
  })

  test('keeps the connections to endpoints that stay', async () => {
    let connections = 0
    backends.d.server.on('connection', () => {
      connections += 1
    })
    // One client on one connection: one worker, which asks one thing at a time.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const next = async () =>
      (await ask(gateway.port, '/steady', { host: 'tenant123.example.com', agent })).text
    const areTakingTurns = (expected: string) =>
      waitUntil(async () => {
        const names = new Set([await next(), await next(), await next()])
        return [...names].sort().join() === expected
      })
    assert.equal(await next(), 'd')
    for (const name of ['c', 'b'] as const) {
      await consul.register({ name: 'steady', id: 'other', port: backends[name].port })
      await areTakingTurns(`${name},d`)
    }
    await consul.deregister('other')
    await areTakingTurns('d')
    agent.destroy()
    assert.equal(connections, 1)
  })

  test('changes endpoints without another config: no reload, the same version, the same instances of plugins', async () => {
    const admin = createAdmin(gateway)
    const instances = new Set<string>()
    const askInstance = async () => {
      const headers = { 'x-instance': 'ask' }
      instances.add((await ask(gateway.port, '/shared', { host: 'tenant123.example.com', headers })).text)
    }
    const read = async () => {
      const { version, config, workers } = (await admin('GET', '/admin/status')).body
      const metrics = parseMetrics((await admin('GET', '/metrics')).body)
      const reloads = [...metrics].filter(([name]) => /^aegis_config_(reloads_total|version)/.test(name))
      const versions = (workers as { version: number }[]).map((one) => one.version)
      return { version, config, versions, reloads }
    }
    await waitUntil(async () => {
      await askInstance()
      return instances.size === 2
    })
    const before = await read()
    assert.deepEqual(before.versions, [before.version, before.version])
    assert.ok(before.reloads.length >= 2)
    await consul.register({ name: 'api', id: 'c', port: backends.c.port, tags: ['v1'] })
    await isAnswering('a,b,c')
    await consul.deregister('c')
    await isAnswering('a,b')
    assert.deepEqual(await read(), before)
    for (let i = 0; i < 20; i++) await askInstance()
    assert.equal(instances.size, 2, 'one in each worker, from first to last')
  })

  test('sends each tenant to its own service, made and removed while it runs', async () => {
    assert.equal(await who('/own'), '503')
    await consul.register({ name: 'api-service-tenant123', port: backends.a.port })
    await isAnswering('a', '/own')
    assert.equal(await who('/own', 'tenant456.example.com'), '503')
    await consul.register({ name: 'api-service-tenant456', port: backends.b.port })
    await isAnswering('b', '/own', 'tenant456.example.com')
    assert.equal(await answering('/own'), 'a')
    await consul.register({ name: 'api-service-tenant123', id: 'second', port: backends.c.port })
    await consul.deregister('api-service-tenant123')
    await isAnswering('c', '/own')
  })

  test('shows endpoints with their health, and how the look-up stands', async () => {
    const admin = createAdmin(gateway)
    interface Shown {
      readonly endpoints: readonly { readonly tenant: string; readonly target: string }[]
      readonly discovery: readonly { readonly name: string; readonly state: string }[]
    }
    const expected = [
      `tenant123 http://127.0.0.1:${backends.c.port}`,
      `tenant456 http://127.0.0.1:${backends.b.port}`,
    ]
    const body = await waitUntil(async () => {
      const shown = (await admin('GET', '/admin/upstreams/own')).body as Shown
      const endpoints = shown.endpoints.map(({ tenant, target }) => `${tenant} ${target}`).sort()
      return endpoints.join() === expected.join() ? shown : undefined
    })
    assert.deepEqual(body.discovery.map(({ name, state }) => `${name} ${state}`).sort(), [
      'api-service-tenant123 found',
      'api-service-tenant456 found',
    ])
    const { state } = (await admin('GET', '/admin/status')).body
    assert.equal(state.consul.up, true)
    assert.equal(state.consul.url, consul.url)
    const metrics = parseMetrics((await admin('GET', '/metrics')).body)
    assert.equal(metrics.get('aegis_consul_up'), 1)
    assert.equal(metrics.get('aegis_discovery_endpoints{upstream="own"}'), 2)
    assert.equal(metrics.get('aegis_discovery_stale{upstream="own"}'), 0)
  })

  test('a PUT of what was shown changes nothing', async () => {
    const admin = createAdmin(gateway)
    const shown = (await admin('GET', '/admin/upstreams/own')).body
    const put = await admin('PUT', '/admin/upstreams/own', { body: shown })
    assert.equal(put.status, 200, JSON.stringify(put.body))
    assert.equal(await answering('/own'), 'c')
  })

  test('loses no request when the config changes, also when it names another service', async () => {
    const load = createSteadyLoad({
      port: gateway.port,
      path: '/shared',
      host: 'tenant123.example.com',
      clients: 4,
    })
    const admin = createAdmin(gateway)
    await consul.register({ name: 'api-next', port: backends.c.port })
    for (let i = 0; i < 5; i++) {
      const patch = async (body: object) => {
        const { status } = await admin('PATCH', '/admin/upstreams/shared', { body })
        assert.equal(status, 200)
      }
      await patch({ timeouts: { headersMs: 10_000 + i } })
      await patch({ consul: { service: 'api-next', tag: null } })
      assert.equal(await answering('/shared'), 'c')
      await patch({ consul: { service: 'api', tag: 'v1' } })
      assert.equal(await answering('/shared'), 'a,b')
    }
    assert.deepEqual((await load.stop(20)).bad, {})
  })

  test('stays with the last endpoints while Consul is away, also over a restart, and follows again when it is back', async () => {
    const load = createSteadyLoad({
      port: gateway.port,
      path: '/shared',
      host: 'tenant123.example.com',
      clients: 2,
    })
    await consul.kill()
    const admin = createAdmin(gateway)
    await waitUntil(async () => (await admin('GET', '/admin/status')).body.state.consul.up === false)
    assert.equal(await answering('/shared'), 'a,b')
    assert.deepEqual((await load.stop(20)).bad, {})

    await gateway.stop()
    gateway = await startGateway({ configDir: config.dir })
    assert.equal(await answering('/shared'), 'a,b')
    assert.equal(await answering('/own'), 'c')
    const status = (await createAdmin(gateway)('GET', '/admin/status')).body
    assert.equal(status.state.consul.up, false)

    // It comes back knowing nothing: an empty answer, and an index that went back.
    const again = createSteadyLoad({
      port: gateway.port,
      path: '/shared',
      host: 'tenant123.example.com',
      clients: 2,
    })
    await consul.restart()
    const after = createAdmin(gateway)
    await waitUntil(async () => (await after('GET', '/admin/status')).body.state.consul.up === true)
    assert.equal(await answering('/shared'), 'a,b')
    await consul.register({ name: 'api', id: 'c', port: backends.c.port, tags: ['v1'] })
    await isAnswering('c')
    assert.deepEqual((await again.stop(20)).bad, {})
  })
})

describe('discovered endpoints', () => {
  test('are checked for health, and known to a worker that replaces another', async (t) => {
    const consul = await startConsul()
    t.after(() => consul.kill())
    let well = true
    const sick = await createUpstream((req, res) => {
      res.writeHead(req.url === '/health' && !well ? 500 : 200).end('sick')
    })
    const fine = await createUpstream((_, res) => res.end('fine'))
    await consul.register({ name: 'api', id: 'sick', port: sick.port })
    await consul.register({ name: 'api', id: 'fine', port: fine.port })
    const active = { path: '/health', intervalMs: 100, unhealthyAfter: 1, healthyAfter: 1 }
    const parts = createDiscoveryConfig(consul, {
      shared: { consul: { service: 'api' }, health: { active } },
      own: { consul: { service: 'api' } },
    })
    const config = await createConfigDir({ ...parts, plugins: [killerEntry, ...discoveryPlugins] })
    await writeKiller(config.dir)
    const gateway = await startGateway({ configDir: config.dir })
    t.after(async () => {
      await gateway.stop()
      await Promise.all([sick.close(), fine.close(), config.remove()])
    })
    const who = async () => {
      const asked = Array.from({ length: 20 }, () =>
        ask(gateway.port, '/shared', { host: 'tenant123.example.com' }),
      )
      return [...new Set((await Promise.all(asked)).map(({ text }) => text))].sort().join()
    }
    await waitUntil(async () => (await who()) === 'fine,sick')
    well = false
    await waitUntil(async () => (await who()) === 'fine')
    well = true
    await waitUntil(async () => (await who()) === 'fine,sick')
    // Nothing of a new worker's comes from Consul: it must know when its first request comes.
    await consul.kill()
    for (let i = 0; i < 2; i++) await killWorker(gateway, createAdmin(gateway), '/shared')
    assert.equal(await who(), 'fine,sick')
  })

  test("answer what plugins ask a tenant's own upstream, from its first request on", async (t) => {
    const consul = await startConsul()
    const backend = await createUpstream((req, res) => {
      res.setHeader('content-type', 'application/json')
      res.end(req.url === '/aegis/authorize' ? '{"allowed":true,"ttl":60}' : '{"from":"acme"}')
    })
    await consul.register({ name: 'api-service-acme', port: backend.port })
    const saas = createSaas('http://127.0.0.1:9')
    const config = await createConfigDir({
      gateway: { consul: { url: consul.url } },
      routes: {
        ...saas.routes,
        upstreams: { own: { consul: { service: 'api-service-{tenant}' } } },
        routes: [{ id: 'items', paths: ['/items'], upstream: 'own', permission: { resource: 'items' } }],
      },
      plugins: [jwtEntry, { id: 'tenant', plugin: 'tenant' }, { id: 'rbac', plugin: 'rbac' }],
    })
    const gateway = await startGateway({ configDir: config.dir })
    t.after(async () => {
      await gateway.stop()
      await Promise.all([consul.kill(), backend.close(), config.remove()])
    })
    const authorization = `Bearer ${await createTestToken()}`
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask(gateway.port, '/items', { headers: { authorization } })),
    )
    assert.deepEqual(
      answers.map(({ text }) => text),
      answers.map(() => '{"from":"acme"}'),
    )
    assert.ok(backend.seen.some(({ url }) => url === '/aegis/authorize'))
    // A token of one tenant cannot reach the endpoints of another by its host.
    const { status } = await ask(gateway.port, '/items', {
      host: 'globex.example.com',
      headers: { authorization },
    })
    assert.equal(status, 403)
  })
})
