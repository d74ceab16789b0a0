// Client certificates as credentials, from the handshake to what the upstream is told, alone and beside tokens.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type Authority,
  type CertificateShop,
  createCertificateShop,
  type Issued,
} from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { statusOf } from '../support/raw.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { askOverTls, seenBehind } from '../support/tls-client.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const rules = [
  {
    uri: 'spiffe://mesh/tenant/{tenant}/{service}',
    userId: '{service}',
    tenant: '{tenant}',
    roles: ['service'],
  },
  { commonName: 'ops', userId: 'ops', tenant: '*' },
]

describe('a client certificate as a credential', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let remove: () => Promise<void>
  let shop: CertificateShop
  let one: Authority
  let port = 0
  let billing: Issued
  let ops: Issued
  let stranger: Issued

  before(async () => {
    upstream = await createUpstream()
    const certificates = [{ hosts: ['*.example.com'], certFile: 'tls/a.crt', keyFile: 'tls/a.key' }]
    const tls = { certificates, clientAuth: 'request', clientCa: 'tls/one.ca.crt' }
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: { listeners: [{ name: 'tls', host: '127.0.0.1', port: 0, tls }] },
        routes: {
          routes: [
            { id: 'services', paths: ['/services/*'], upstream: 'api' },
            { id: 'both', paths: ['/both/*'], upstream: 'api' },
            { id: 'admin', paths: ['/admins/*'], upstream: 'api', roles: ['admin'] },
            { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
          ],
        },
        plugins: [
          { id: 'request-id', plugin: 'request-id' },
          {
            id: 'certs',
            plugin: 'client-cert',
            scope: { routes: ['services', 'admin', 'open'] },
            config: { rules },
          },
          { id: 'jwt', plugin: 'jwt', scope: { routes: ['both'] }, config: jwtEntry.config },
          { id: 'tenant', plugin: 'tenant' },
          { id: 'rbac', plugin: 'rbac' },
          { id: 'observability', plugin: 'observability' },
        ],
      }),
    )
    remove = config.remove
    shop = createCertificateShop(join(config.dir, 'tls'))
    one = shop.authority('one')
    shop.put('a', shop.issue(one, { names: 'DNS:*.example.com' }))
    billing = shop.issue(one, { names: 'URI:spiffe://mesh/tenant/acme/billing', subject: '/CN=x' })
    ops = shop.issue(one, { subject: '/O=Acme/CN=ops' })
    stranger = shop.issue(one, { subject: '/O=CN=ops/CN=nobody' })
    gateway = await startGateway({ configDir: config.dir })
    port = gateway.port
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  async function ask(path: string, client: Issued | object, host = 'acme.example.com', headers = '') {
    const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`
    const options = { servername: host, rejectUnauthorized: false, ...client }
    const { received } = await askOverTls(port, request, options)
    return { status: statusOf(received), received }
  }

  test('says user, tenant and roles to the upstream, whatever the client says', async () => {
    const lie = 'X-User-Id: root\r\nX-User-Roles: admin\r\nX-Tenant-Id: globex\r\n'
    const { status, received } = await ask('/services/x', billing, undefined, lie)
    assert.equal(status, 200)
    const { 'x-user-id': user, 'x-tenant-id': tenant, 'x-user-roles': roles } = seenBehind(received)
    assert.deepEqual([user, tenant, roles], ['billing', 'acme', 'service'])
  })

  const answers: [string, () => Issued | object, string, string, number, string][] = [
    ['no certificate', () => ({}), '/services/x', 'acme.example.com', 403, 'AEGIS_CLIENT_CERT_MISSING'],
    [
      'one that no rule fits',
      () => stranger,
      '/services/x',
      'acme.example.com',
      403,
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'that of another tenant',
      () => billing,
      '/services/x',
      'globex.example.com',
      403,
      'AEGIS_TENANT_MISMATCH',
    ],
    ['one for every tenant, with acme', () => ops, '/services/x', 'acme.example.com', 200, ''],
    ['one for every tenant, with globex', () => ops, '/services/x', 'globex.example.com', 200, ''],
    ['one without the role', () => billing, '/admins/x', 'acme.example.com', 403, ''],
    ['none on a public route', () => ({}), '/open/x', 'acme.example.com', 200, ''],
    ['one where only tokens count', () => billing, '/both/x', 'acme.example.com', 401, 'AEGIS_TOKEN_MISSING'],
  ]
  for (const [what, client, path, host, status, code] of answers) {
    test(`${what}: ${status} ${code}`, async () => {
      const before = upstream.seen.length
      const answer = await ask(path, client(), host)
      assert.equal(answer.status, status)
      assert.ok(answer.received.includes(code), answer.received)
      assert.equal(upstream.seen.length - before, status === 200 ? 1 : 0)
    })
  }

  test('revoking its user ends what it may do, on the connection that is open too', async () => {
    const { fingerprint256 } = new (await import('node:crypto')).X509Certificate(ops.cert)
    const answer = await fetch(`${gateway.adminUrl}/admin/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'token', subject: fingerprint256.replaceAll(':', '').toLowerCase() }),
    })
    assert.ok(answer.ok, await answer.text())
    await waitUntil(async () =>
      (await ask('/services/x', ops)).received.includes('AEGIS_CLIENT_CERT_REVOKED'),
    )
    assert.equal((await ask('/services/x', billing)).status, 200)
  })

  test('beside tokens: who shows no certificate that is known needs one', async (t) => {
    const certificates = [{ hosts: ['*.example.com'], certFile: 'tls/a.crt', keyFile: 'tls/a.key' }]
    const tls = { certificates, clientAuth: 'request', clientCa: 'tls/one.ca.crt' }
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: { listeners: [{ name: 'tls', host: '127.0.0.1', port: 0, tls }] },
        plugins: [
          { id: 'certs', plugin: 'client-cert', config: { rules, otherwise: 'continue' } },
          jwtEntry,
          { id: 'tenant', plugin: 'tenant' },
        ],
      }),
    )
    const other = createCertificateShop(join(config.dir, 'tls'))
    const issuer = other.authority('one')
    other.put('a', other.issue(issuer, { names: 'DNS:*.example.com' }))
    const both = await startGateway({ configDir: config.dir })
    t.after(async () => {
      await both.stop()
      await config.remove()
    })
    const bearer = `Authorization: Bearer ${await createTestToken()}\r\n`
    const known = other.issue(issuer, { names: 'URI:spiffe://mesh/tenant/acme/billing' })
    const unknown = other.issue(issuer, { subject: '/CN=nobody' })
    const cases: [Issued | object, string, number, string | undefined][] = [
      [known, '', 200, 'billing'],
      [unknown, '', 401, undefined],
      [unknown, bearer, 200, 'ada'],
      [{}, bearer, 200, 'ada'],
      [{}, '', 401, undefined],
    ]
    port = both.port
    for (const [client, headers, status, user] of cases) {
      const answer = await ask('/api/x', client, undefined, headers)
      assert.equal(answer.status, status)
      if (user !== undefined) assert.equal(seenBehind(answer.received)['x-user-id'], user)
    }
  })
})
