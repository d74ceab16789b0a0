import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientCertificate } from '../../../gateway/contract/exchange.ts'
import type { RevocableToken } from '../../../gateway/contract/ports.ts'
import clientCert from '../../../plugins/client-cert/index.ts'
import { isValid, withDefaults } from '../../contract/subject.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createRoute, createTenant, createView, type TestView } from '../../support/view.ts'

const now = 1_700_000_000

function createCertificate(over: Partial<ClientCertificate> = {}): ClientCertificate {
  return {
    ...{
      subject: 'CN=billing,O=Acme',
      issuer: 'CN=one CA',
      serialNumber: '01',
      fingerprint: 'ab'.repeat(32),
    },
    ...{ dnsNames: ['billing.acme.test', 'other.acme.test'], uris: ['spiffe://mesh/tenant/acme/billing'] },
    expiresAt: now + 3600,
    ...over,
  }
}

type Rule = Record<string, unknown>
const rule = (over: Rule): Rule => ({ userId: 'u', tenant: '*', ...over })
const acme = createTenant('acme')

function create(
  rules: Rule[],
  options: { otherwise?: string; revoked?: (token: RevocableToken) => boolean } = {},
) {
  const { otherwise = 'refuse', revoked = () => false } = options
  const { config, mistakes } = withDefaults(clientCert.schema, { rules, otherwise })
  assert.deepEqual(mistakes, [])
  assert.deepEqual(clientCert.check?.(config as never), [])
  const ports = createTestPorts({ revocations: { isRevoked: revoked } })
  const plugin = clientCert.create(config as never, ports)
  return { plugin, ports }
}

/** Code of the answer; else the identity's user and tenant. */
async function ask(plugin: ReturnType<typeof create>['plugin'], view: TestView): Promise<string> {
  const verdict = await plugin.onRequest?.(view)
  if (verdict !== undefined) return verdict.code
  return view.identity === null ? 'anonymous' : `${view.identity.userId}@${view.identity.tenantId ?? '*'}`
}
const viewOf = (certificate: ClientCertificate | null, over: Partial<TestView> = {}) =>
  createView({ clientCertificate: certificate, ...over })

describe('whom a certificate stands for', () => {
  const cases: [string, Rule, Partial<ClientCertificate>, string][] = [
    [
      'a URI',
      rule({ uri: 'spiffe://mesh/tenant/acme/billing', userId: '{uri}' }),
      {},
      'spiffe://mesh/tenant/acme/billing@*',
    ],
    [
      'parts of a URI',
      rule({ uri: 'spiffe://mesh/tenant/{t}/{s}', userId: '{s}', tenant: '{t}' }),
      {},
      'billing@acme',
    ],
    [
      'a URI of another trust domain',
      rule({ uri: 'spiffe://mesh/tenant/{t}/{s}' }),
      { uris: ['spiffe://evil/tenant/acme/billing'] },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'a URI with a part more',
      rule({ uri: 'spiffe://mesh/tenant/{t}/{s}' }),
      { uris: ['spiffe://mesh/tenant/acme/billing/x'] },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'a URI with an empty part',
      rule({ uri: 'spiffe://mesh/tenant/{t}/{s}' }),
      { uris: ['spiffe://mesh/tenant//billing'] },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'two URIs',
      rule({ uri: 'spiffe://mesh/tenant/{t}/{s}' }),
      { uris: ['spiffe://mesh/tenant/acme/billing', 'spiffe://mesh/tenant/globex/billing'] },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    ['any of the DNS names', rule({ dns: 'other.acme.test', userId: '{dns}' }), {}, 'other.acme.test@*'],
    ['a label of a DNS name', rule({ dns: '{s}.acme.test', userId: '{s}' }), {}, 'billing@*'],
    [
      'a DNS name in capitals',
      rule({ dns: 'billing.acme.test' }),
      { dnsNames: ['Billing.ACME.test'] },
      'u@*',
    ],
    [
      'two labels in place of one',
      rule({ dns: '{s}.acme.test' }),
      { dnsNames: ['a.b.acme.test'] },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    ['a common name', rule({ commonName: 'billing' }), {}, 'u@*'],
    ['any common name', rule({ commonName: '{n}', userId: '{n}' }), {}, 'billing@*'],
    [
      'a common name with a comma',
      rule({ commonName: 'billing, Ltd', userId: '{commonName}' }),
      { subject: 'CN=billing\\, Ltd,O=Acme' },
      'billing, Ltd@*',
    ],
    [
      'a CN that an organisation only says',
      rule({ commonName: 'billing' }),
      { subject: 'CN=x,O=Acme\\,CN=billing' },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'two common names',
      rule({ commonName: 'billing' }),
      { subject: 'CN=billing,CN=admin,O=Acme' },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'two common names in one part',
      rule({ commonName: 'billing' }),
      { subject: 'CN=admin+CN=billing,O=Acme' },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'a common name beyond ASCII',
      rule({ commonName: 'Müller', userId: '{commonName}' }),
      { subject: 'CN=M\\C3\\BCller' },
      'Müller@*',
    ],
    [
      'the whole subject',
      rule({ subject: 'CN=billing,O=Acme', userId: '{subject}' }),
      {},
      'CN=billing,O=Acme@*',
    ],
    ['a subject that only ends so', rule({ subject: 'O=Acme' }), {}, 'AEGIS_CLIENT_CERT_UNKNOWN'],
    [
      'the fingerprint',
      rule({ fingerprint: 'ab'.repeat(32), userId: '{fingerprint}' }),
      {},
      `${'ab'.repeat(32)}@*`,
    ],
    ['another fingerprint', rule({ fingerprint: 'cd'.repeat(32) }), {}, 'AEGIS_CLIENT_CERT_UNKNOWN'],
    [
      'all of several conditions',
      rule({ commonName: 'billing', issuer: 'CN=one CA', dns: 'billing.acme.test' }),
      {},
      'u@*',
    ],
    [
      'the right name of another issuer',
      rule({ commonName: 'billing', issuer: 'CN=other CA' }),
      {},
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'a name that no header can carry',
      rule({ commonName: '{n}', userId: '{n}' }),
      { subject: 'CN=a\\0D\\0Ab' },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'a name that is too long',
      rule({ commonName: '{n}', userId: '{n}' }),
      { subject: `CN=${'a'.repeat(257)}` },
      'AEGIS_CLIENT_CERT_UNKNOWN',
    ],
    [
      'a name that holds a placeholder',
      rule({ uri: 'x/{a}/{b}', userId: '{a}', tenant: '{b}' }),
      { uris: ['x/{b}/acme'] },
      '{b}@acme',
    ],
  ]
  for (const [what, one, over, said] of cases) {
    test(`${what}: ${said}`, async () => {
      assert.equal(await ask(create([one]).plugin, viewOf(createCertificate(over))), said)
    })
  }

  test('the first rule that fits decides, with its roles and permissions', async () => {
    const { plugin } = create([
      rule({ commonName: 'nobody' }),
      rule({ commonName: 'billing', userId: 'first', roles: ['service'], permissions: ['items:read'] }),
      rule({ commonName: '{n}', userId: 'second' }),
    ])
    const view = viewOf(createCertificate())
    assert.equal(await ask(plugin, view), 'first@*')
    assert.deepEqual([view.identity?.roles, view.identity?.permissions], [['service'], ['items:read']])
    assert.equal(view.identity?.expiresAt, now + 3600)
    assert.ok(Object.isFrozen(view.identity))
  })
})

describe('a request', () => {
  const any = [rule({ commonName: '{n}', userId: '{n}' })]

  test('without a certificate is refused where a caller must be known, and only there', async () => {
    const { plugin } = create(any)
    assert.equal(await ask(plugin, viewOf(null)), 'AEGIS_CLIENT_CERT_MISSING')
    for (const auth of ['optional', 'none'] as const)
      assert.equal(await ask(plugin, viewOf(null, { route: createRoute({ auth }) })), 'anonymous')
  })

  test('with the certificate of a trusted proxy is one without: it is not the caller who showed it', async () => {
    const { plugin } = create(any)
    assert.equal(
      await ask(plugin, viewOf(createCertificate(), { peerTrusted: true })),
      'AEGIS_CLIENT_CERT_MISSING',
    )
  })

  test('is left to later plugins with "continue", known or not', async () => {
    const { plugin } = create([rule({ commonName: 'billing' })], { otherwise: 'continue' })
    assert.equal(await ask(plugin, viewOf(null)), 'anonymous')
    assert.equal(await ask(plugin, viewOf(createCertificate({ subject: 'CN=x' }))), 'anonymous')
    assert.equal(await ask(plugin, viewOf(createCertificate())), 'u@*')
  })

  test('of a caller who is known already keeps that identity', async () => {
    const identity = {
      userId: 'ada',
      tenantId: null,
      roles: [],
      permissions: [],
      claims: {},
      expiresAt: Infinity,
    }
    assert.equal(await ask(create(any).plugin, viewOf(createCertificate(), { identity })), 'ada@*')
  })

  test('for another tenant than that of the certificate is refused', async () => {
    const { plugin } = create([rule({ uri: 'spiffe://mesh/tenant/{t}/{s}', userId: '{s}', tenant: '{t}' })])
    const asked = (id: string) => ({ hostTenant: createTenant(id), hostTenantId: id })
    assert.equal(await ask(plugin, viewOf(createCertificate(), asked('globex'))), 'AEGIS_TENANT_MISMATCH')
    assert.equal(await ask(plugin, viewOf(createCertificate(), asked('acme'))), 'billing@acme')
    assert.equal(await ask(plugin, viewOf(createCertificate())), 'billing@acme')
  })

  test('with a certificate that expired while the connection was open is refused', async () => {
    const { plugin, ports } = create(any)
    const certificate = createCertificate()
    assert.equal(await ask(plugin, viewOf(certificate)), 'billing@*')
    ports.clock.advance(3_600_000)
    assert.equal(await ask(plugin, viewOf(certificate)), 'AEGIS_CLIENT_CERT_EXPIRED')
  })

  test('is refused once certificate or user are revoked, within the tenant that it is for', async () => {
    const seen: RevocableToken[] = []
    const { plugin } = create(any, { revoked: (token) => seen.push(token) > 0 })
    assert.equal(
      await ask(plugin, viewOf(createCertificate(), { hostTenant: acme })),
      'AEGIS_CLIENT_CERT_REVOKED',
    )
    assert.deepEqual(seen, [
      { userId: 'billing', tenantId: 'acme', tokenId: 'ab'.repeat(32), sessionId: null, issuedAt: 0 },
    ])
  })
})

describe('a WebSocket that a certificate opened', () => {
  const rules = [rule({ commonName: 'billing', userId: 'billing' })]
  async function open(options: Parameters<typeof create>[1] = {}, over: Partial<TestView> = {}) {
    const created = create(rules, options)
    const view = viewOf(createCertificate(), over)
    assert.equal(await ask(created.plugin, view), 'billing@*')
    const recheck = async (plugin = created.plugin) => (await plugin.onRecheck?.(view))?.code
    return { ...created, view, recheck }
  }

  test('ends when the certificate expires, unless the route keeps it', async () => {
    const one = await open()
    assert.equal(await one.recheck(), undefined)
    one.ports.clock.advance(3_600_000)
    assert.equal(await one.recheck(), 'AEGIS_CLIENT_CERT_EXPIRED')
    Object.assign(one.view, { route: createRoute({ longLived: { onExpiry: 'keep', idleMs: 0, maxMs: 0 } }) })
    assert.equal(await one.recheck(), undefined)
  })

  test('ends when it is revoked', async () => {
    let revoked = false
    const one = await open({ revoked: () => revoked })
    revoked = true
    assert.equal(await one.recheck(), 'AEGIS_CLIENT_CERT_REVOKED')
  })

  test('ends when the rules of now make it somebody else or nobody', async () => {
    const one = await open()
    assert.equal(await one.recheck(create([rule({ commonName: 'x' })]).plugin), 'AEGIS_CLIENT_CERT_UNKNOWN')
    assert.equal(
      await one.recheck(create([rule({ commonName: 'billing' })]).plugin),
      'AEGIS_CLIENT_CERT_UNKNOWN',
    )
    assert.equal(await one.recheck(create(rules).plugin), undefined)
  })

  test('is not ours to end where another credential stands for the caller', async () => {
    const one = await open(
      { revoked: () => true },
      {
        identity: {
          userId: 'billing',
          tenantId: null,
          roles: [],
          permissions: [],
          claims: {},
          expiresAt: Infinity,
        },
      },
    )
    assert.equal(await one.recheck(), undefined)
  })

  test('ends when its route asks for a caller from now on and none is known', async () => {
    const { plugin } = create(rules)
    const view = viewOf(null, { route: createRoute({ auth: 'none' }) })
    assert.equal(await plugin.onRecheck?.(view), undefined)
    Object.assign(view, { route: createRoute() })
    assert.equal((await plugin.onRecheck?.(view))?.code, 'AEGIS_CLIENT_CERT_MISSING')
  })
})

describe('a config', () => {
  const bad: [string, Rule, string, RegExp][] = [
    ['a rule without a condition', rule({}), '/rules/0', /would fit every certificate/],
    [
      'a name that stands for nothing',
      rule({ commonName: 'a', userId: '{uri}' }),
      '/rules/0/userId',
      /\{uri\} stands for nothing/,
    ],
    [
      'a tenant that stands for nothing',
      rule({ uri: 'a/{b}', tenant: '{c}' }),
      '/rules/0/tenant',
      /\{c\} stands for nothing/,
    ],
    ['a name twice', rule({ uri: 'a/{b}/{b}' }), '/rules/0/uri', /\{b\} stands for something else/],
    [
      'a name that is taken',
      rule({ uri: 'a/{subject}' }),
      '/rules/0/uri',
      /\{subject\} stands for something else/,
    ],
    ['a name that is part of a part', rule({ uri: 'a/x{b}' }), '/rules/0/uri', /whole part/],
    ['a DNS name in capitals', rule({ dns: 'Billing.{s}' }), '/rules/0/dns', /lower case/],
  ]
  for (const [what, one, pointer, message] of bad) {
    test(`with ${what} is refused, and told where`, () => {
      const { config } = withDefaults(clientCert.schema, { rules: [one] })
      const problems = clientCert.check?.(config as never) ?? []
      assert.equal(problems.length, 1)
      assert.equal(problems[0]?.pointer, pointer)
      assert.match(problems[0]?.message ?? '', message)
    })
  }

  test('without rules, or with a role that holds a comma, is refused', () => {
    assert.equal(isValid(clientCert.schema, { rules: [] }), false)
    assert.equal(isValid(clientCert.schema, { rules: [rule({ dns: 'a', roles: ['a,b'] })] }), false)
    assert.equal(isValid(clientCert.schema, { rules: [rule({ dns: 'a', roles: ['a'] })] }), true)
  })
})
