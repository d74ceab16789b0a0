// Upstreams with TLS, through the running gateway: whom it believes, and what it shows of itself.
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import {
  type Authority,
  type CertificateShop,
  createCertificateShop,
  type Issued,
} from '../support/certificates.ts'
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
  const sockets = new Set<Socket>()

  /** Answers with the name that it was asked for and the client certificate that it saw. */
  const serve = async (issued: Issued, clientCa?: string, allowHTTP2 = true): Promise<string> => {
    const mutual = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientCa }
    const options = { ...issued, ...mutual, allowHTTP1: true }
    const server: Server = allowHTTP2 ? createSecureServer(options) : createServer(options)
    server.on('secureConnection', (socket: TLSSocket) => sockets.add(socket))
    server.on('request', (req, res) => {
      const socket = (req.stream?.session?.socket ?? req.socket) as TLSSocket
      res.end(
        `HTTP/${req.httpVersion} name=${socket.servername || '-'} client=${socket.getPeerX509Certificate()?.subject ?? '-'}`,
      )
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
    const names = 'IP:127.0.0.1'
    const byAddress = await serve(shop.issue(one, { names }))
    const byName = await serve(shop.issue(one, { names: 'DNS:acme.example.com,DNS:api.internal' }))
    const mutual = await serve(shop.issue(one, { names }), one.cert)
    const expired = await serve(shop.issue(one, { names, days: -1 }))
    const key = readFileSync(join(dir, 'tls/other.ca.key'), 'latin1')
    const selfSigned = await serve({ cert: other.cert, key })
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
      expired: to(expired, { caFile }),
      'self-signed': to(selfSigned, { caFile }),
      'no-client': to(mutual, { caFile }),
      client: to(mutual, { caFile, ...client }),
      turning: to(byAddress, { caFile: 'tls/turning.crt' }),
      'checked-one': to(
        byAddress,
        { caFile },
        { health: { active: { intervalMs: 100, path: '/', unhealthyAfter: 1 } } },
      ),
    }
    for (const [id, upstream] of Object.entries(upstreams))
      upstreams[`${id}-http2`] = { ...upstream, transport: 'http2' }
    upstreams.undici = to(byAddress, { caFile }, { transport: 'undici' })
    const http1Only = await serve(shop.issue(one, { names }), undefined, false)
    upstreams['http1-only-http2'] = to(http1Only, { caFile }, { transport: 'http2' })
    const routes = Object.keys(upstreams).map((id) => {
      return { id, paths: [`/${id}`], upstream: id, auth: 'none' }
    })
    const saas = createSaas('http://127.0.0.1:1').routes as object
    writeFileSync(join(dir, 'routes.json'), JSON.stringify({ ...saas, upstreams, routes }))
    gateway = await startGateway({ configDir: dir })
  })
  after(async () => {
    await gateway.stop()
    for (const server of servers) {
      server.close()
    }
    for (const socket of sockets) socket.destroy()
    await remove()
  })
  const ask = (route: string) =>
    sendRaw(
      gateway.port,
      `GET /${route} HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n`,
      5_000,
    )

  /** `said`: by the upstream, or by the log. */
  const cases: [string, string, number, RegExp][] = [
    ['an issuer that nobody named', 'no-ca', 502, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    ['another issuer than the named one', 'other-ca', 502, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    ['the named issuer', 'ca', 200, /name=- client=-/],
    ['anybody, where nothing is verified', 'unverified', 200, /name=/],
    ['a certificate for another name', 'wrong-name', 502, /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['a certificate that has expired', 'expired', 502, /CERT_HAS_EXPIRED/],
    ['the certificate of an issuer itself', 'self-signed', 502, /INVALID_PURPOSE|SELF_SIGNED/],
    ['a certificate for the name of the config', 'server-name', 200, /name=api\.internal/],
    ['the host of the target while the client Host goes up', 'kept-host', 200, /name=- /],
    ['a certificate for what the client wrote in Host', 'kept-host-by-name', 502, /ALTNAME_INVALID/],
    [
      'the name of the config while the client Host goes up',
      'kept-host-server-name',
      200,
      /name=api\.internal/,
    ],
    [
      'an upstream that wants a certificate and gets none',
      'no-client',
      502,
      /CERTIFICATE_REQUIRED|other side closed|ECONNRESET/,
    ],
    ['an upstream that wants a certificate and gets it', 'client', 200, /client=CN=gateway/],
    ['an upstream whose health is checked', 'checked-one', 200, /name=/],
  ]
  for (const version of ['1.1', '2.0'])
    for (const [what, name, status, said] of cases) {
      test(`HTTP/${version}, ${what}: ${status}`, async () => {
        const route = version === '2.0' ? `${name}-http2` : name
        const received = await ask(route)
        assert.equal(statusOf(received), status, received)
        if (status === 200) {
          assert.match(received, said)
          return assert.ok(received.includes(`HTTP/${version} name=`), received)
        }
        const line = await waitUntil(() => gateway.logs().find(({ path }) => path === `/${route}`))
        assert.match(String(line.code), /^AEGIS_UPSTREAM_(?:UNREACHABLE|BROKEN)$/)
        assert.match(String(line.failure), said)
      })
    }

  test('undici speaks HTTP/1.1 to a server that would like HTTP/2 better', async () => {
    assert.match(await ask('undici'), /HTTP\/1\.1 name=/)
  })

  test('an upstream that is to speak HTTP/2 and does not: 502', async () => {
    assert.equal(statusOf(await ask('http1-only-http2')), 502)
    const line = await waitUntil(() => gateway.logs().find(({ path }) => path === '/http1-only-http2'))
    assert.match(String(line.failure), /^UPSTREAM_NOT_HTTP2: the server does not speak HTTP\/2: /)
  })

  for (const name of ['checked-one', 'checked-one-http2'])
    test(`health checks of ${name} believe the same issuer`, async () => {
      const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
      const health = new RegExp(`aegis_upstream_health\\{upstream="${name}"[^}]*\\} (\\d)`).exec(text)
      assert.equal(health?.[1], '1')
      const unhealthy = (line: Record<string, unknown>) => line.msg === 'target is unhealthy'
      assert.ok(!gateway.logs().some((line) => unhealthy(line) && line.upstream === name))
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
