// Upstreams with TLS, through the running gateway: whom it believes, and what it shows of itself.
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type Authority, type CertificateShop, createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createSaas } from '../support/saas.ts'

describe('upstreams with TLS', () => {
  let gateway: TestGateway
  let remove: () => Promise<void>
  let shop: CertificateShop
  let one: Authority
  let dir: string
  const servers: Server[] = []

  /** Answers with the name that it was asked for and the client certificate that it saw. */
  const serve = async (names: string, clientCa?: string): Promise<string> => {
    const issued = shop.issue(one, { names })
    const mutual = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientCa }
    const server = createServer({ ...issued, ...mutual }, (req, res) => {
      const socket = req.socket as TLSSocket
      res.end(`name=${socket.servername || '-'} client=${socket.getPeerX509Certificate()?.subject ?? '-'}`)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  before(async () => {
    const config = await createConfigDir(createSaas('http://127.0.0.1:1'))
    dir = config.dir
    remove = config.remove
    shop = createCertificateShop(join(dir, 'tls'))
    one = shop.authority('one')
    const other = shop.authority('other')
    const byAddress = await serve('IP:127.0.0.1')
    const byName = await serve('DNS:acme.example.com,DNS:api.internal')
    const mutual = await serve('IP:127.0.0.1', one.cert)
    shop.put('gateway', shop.issue(one, { subject: '/CN=gateway' }))
    writeFileSync(join(dir, 'tls/turning.crt'), other.cert)
    const caFile = 'tls/one.ca.crt'
    const client = { certFile: 'tls/gateway.crt', keyFile: 'tls/gateway.key' }
    const to = (url: string, tls?: object, over: object = {}) => ({
      targets: [{ url }],
      ...(tls === undefined ? {} : { tls }),
      ...over,
    })
    const upstreams: Record<string, object> = {
      'no-ca': to(byAddress),
      'other-ca': to(byAddress, { caFile: 'tls/other.ca.crt' }),
      ca: to(byAddress, { caFile }),
      unverified: to(byAddress, { verify: false }),
      'wrong-name': to(byName, { caFile }),
      'server-name': to(byName, { caFile, serverName: 'api.internal' }),
      'kept-host': to(byAddress, { caFile }, { preserveHost: true }),
      'kept-host-by-name': to(byName, { caFile }, { preserveHost: true }),
      'kept-host-server-name': to(byName, { caFile, serverName: 'api.internal' }, { preserveHost: true }),
      'no-client': to(mutual, { caFile }),
      client: to(mutual, { caFile, ...client }),
      turning: to(byAddress, { caFile: 'tls/turning.crt' }),
      'checked-one': to(
        byAddress,
        { caFile },
        { health: { active: { intervalMs: 100, path: '/', unhealthyAfter: 1 } } },
      ),
    }
    const routes = Object.keys(upstreams).map((id) => ({ id, paths: [`/${id}`], upstream: id, auth: 'none' }))
    const saas = createSaas('http://127.0.0.1:1').routes as object
    writeFileSync(join(dir, 'routes.json'), JSON.stringify({ ...saas, upstreams, routes }))
    gateway = await startGateway({ configDir: dir })
  })
  after(async () => {
    await gateway.stop()
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
    await remove()
  })
  const ask = (route: string) =>
    sendRaw(
      gateway.port,
      `GET /${route} HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n`,
      5_000,
    )

  const cases: [string, string, number, RegExp?][] = [
    ['an issuer that nobody named', 'no-ca', 502],
    ['another issuer than the named one', 'other-ca', 502],
    ['the named issuer', 'ca', 200, /name=- client=-/],
    ['anybody, where nothing is verified', 'unverified', 200],
    ['a certificate for another name', 'wrong-name', 502],
    ['a certificate for the name of the config', 'server-name', 200, /name=api\.internal/],
    ['the host of the target while the client Host goes up', 'kept-host', 200, /name=- /],
    ['a certificate for what the client wrote in Host', 'kept-host-by-name', 502],
    [
      'the name of the config while the client Host goes up',
      'kept-host-server-name',
      200,
      /name=api\.internal/,
    ],
    ['an upstream that wants a certificate and gets none', 'no-client', 502],
    ['an upstream that wants a certificate and gets it', 'client', 200, /client=CN=gateway/],
    ['an upstream whose health is checked', 'checked-one', 200],
  ]
  for (const [what, route, status, said] of cases) {
    test(`${what}: ${status}`, async () => {
      const received = await ask(route)
      assert.equal(statusOf(received), status, received)
      if (said !== undefined) assert.match(received, said)
    })
  }

  test('health checks believe the same issuer', async () => {
    const health = async () => {
      const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
      return /aegis_upstream_health\{upstream="checked-one"[^}]*\} (\d)/.exec(text)?.[1]
    }
    assert.equal(await health(), '1')
    assert.ok(
      !gateway
        .logs()
        .some(({ msg, upstream }) => msg === 'target is unhealthy' && upstream === 'checked-one'),
    )
  })

  test('a changed file of issuers is live without a restart', async () => {
    assert.equal(statusOf(await ask('turning')), 502)
    writeFileSync(join(dir, 'tls/turning.new'), one.cert)
    renameSync(join(dir, 'tls/turning.new'), join(dir, 'tls/turning.crt'))
    await waitUntil(async () => statusOf(await ask('turning')) === 200)
  })

  test('a file that cannot be used is refused, and what runs goes on', async () => {
    writeFileSync(join(dir, 'tls/turning.crt'), 'nothing')
    const refusal = await waitUntil(() =>
      gateway.logs().find(({ msg }) => String(msg).includes('was refused')),
    )
    assert.match(JSON.stringify(refusal), /\/upstreams\/turning\/tls\/caFile.*holds no certificate/)
    assert.equal(statusOf(await ask('turning')), 200)
  })
})
