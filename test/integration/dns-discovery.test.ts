// Records in DNS change, and the traffic of a running gateway follows.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { makeFolder } from '../config/files.ts'
import { createAdmin } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { createDiscoveryConfig } from '../support/discovery-config.ts'
import { startDns, type TestDns } from '../support/dns-server.ts'
import { parseMetrics } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSteadyLoad } from '../support/steady-load.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

describe('a gateway that finds its upstreams in DNS', () => {
  let dns: TestDns
  let first: TestUpstream
  let second: TestUpstream
  let config: { dir: string; remove(): Promise<void> }
  let gateway: TestGateway

  before(async () => {
    dns = await startDns()
    first = await createUpstream((req, res) => res.end(`first ${req.headers.host}`))
    second = await createUpstream((req, res) => res.end(`second ${req.headers.host}`))
    dns.zone.set('api.test', [{ type: 'A', address: '127.0.0.1', ttl: 0 }])
    dns.zone.set('node.test', [{ type: 'A', address: '127.0.0.1', ttl: 0 }])
    const resolvers = [dns.address]
    const parts = createDiscoveryConfig(null, {
      shared: { dns: { name: 'api.test', port: first.port, resolvers } },
      own: { dns: { name: '_http._tcp.{tenant}.test', type: 'SRV', minRefreshMs: 50, resolvers } },
    })
    config = await createConfigDir(parts)
    gateway = await startGateway({ configDir: config.dir })
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([dns.close(), first.close(), second.close(), config.remove()])
  })

  const text = async (path: string, host = 'tenant123.example.com') =>
    (await ask(gateway.port, path, { host })).text

  test('sends requests to the address, under the name', async () => {
    assert.equal(await text('/shared'), `first api.test:${first.port}`)
    const { body } = await createAdmin(gateway)('GET', '/metrics')
    assert.equal(parseMetrics(body).get('aegis_discovery_endpoints{upstream="shared"}'), 1)
    // Where there is no Consul nothing says that it is down.
    assert.equal(parseMetrics(body).has('aegis_consul_up'), false)
  })

  test('follows records as they change, and stays with the last ones while the server fails', async () => {
    const load = createSteadyLoad({
      port: gateway.port,
      path: '/own',
      host: 'tenant123.example.com',
      clients: 2,
    })
    const point = (port: number) =>
      dns.zone.set('_http._tcp.tenant123.test', [{ type: 'SRV', target: 'node.test', port }])
    assert.equal((await ask(gateway.port, '/own', { host: 'tenant123.example.com' })).status, 503)
    point(first.port)
    await waitUntil(async () => (await text('/own')) === `first node.test:${first.port}`)
    const { bad } = await load.stop(20)
    assert.deepEqual(Object.keys(bad), ['503 AEGIS_NO_HEALTHY_UPSTREAM'])

    const steady = createSteadyLoad({
      port: gateway.port,
      path: '/own',
      host: 'tenant123.example.com',
      clients: 2,
    })
    point(second.port)
    await waitUntil(async () => (await text('/own')) === `second node.test:${second.port}`)
    for (const mode of ['servfail', 'garbage'] as const) {
      dns.mode = mode
      const admin = createAdmin(gateway)
      await waitUntil(async () =>
        (await admin('GET', '/admin/upstreams/own')).body.discovery.some(
          ({ state }: { state: string }) => state === 'failed',
        ),
      )
      assert.equal(await text('/own'), `second node.test:${second.port}`)
      dns.mode = 'answer'
      await waitUntil(async () =>
        (await admin('GET', '/admin/upstreams/own')).body.discovery.every(
          ({ state }: { state: string }) => state === 'found',
        ),
      )
    }
    dns.zone.delete('_http._tcp.tenant123.test')
    const before = dns.asked.length
    await waitUntil(() => dns.asked.length > before + 3)
    assert.equal(await text('/own'), `second node.test:${second.port}`)
    assert.deepEqual((await steady.stop(20)).bad, {})
  })
})

test('endpoints are known by their name in DNS to TLS and to health checks', async (t) => {
  const dir = await makeFolder(t)
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', '/CN=api.test', '-addext', 'subjectAltName=DNS:api.test']
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-days', '2', ...subject],
    {
      stdio: 'ignore',
    },
  )
  const checked: (string | undefined)[] = []
  const backend = createServer({ key: await readFile(key), cert: await readFile(cert) }, (req, res) => {
    if (req.url === '/health') checked.push(req.headers.host)
    res.end(`${req.headers.host}`)
  })
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const { port } = backend.address() as { port: number }
  const dns = await startDns()
  for (const name of ['api.test', 'other.test']) dns.zone.set(name, [{ type: 'A', address: '127.0.0.1' }])
  const found = (name: string) => ({ name, port, scheme: 'https', resolvers: [dns.address] })
  const active = { intervalMs: 100, unhealthyAfter: 1 }
  const config = await createConfigDir(
    createDiscoveryConfig(null, {
      shared: { dns: found('api.test'), health: { active } },
      own: { dns: found('other.test') },
    }),
  )
  const gateway = await startGateway({ configDir: config.dir, env: { NODE_EXTRA_CA_CERTS: cert } })
  t.after(async () => {
    await gateway.stop()
    backend.closeAllConnections()
    backend.close()
    await Promise.all([dns.close(), config.remove()])
  })
  await waitUntil(() => checked.length > 2)
  assert.equal(checked[0], `api.test:${port}`)
  const host = 'tenant123.example.com'
  const answer = await ask(gateway.port, '/shared', { host })
  assert.deepEqual([answer.status, answer.text], [200, `api.test:${port}`])
  // The same server under a name that its certificate does not hold.
  assert.equal((await ask(gateway.port, '/own', { host })).status, 502)
})
