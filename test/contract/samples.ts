// A valid config for each plugin that has required options, and a request that lets it establish its facts.
import { createHmac } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createTenant, createView, type TestView } from '../support/view.ts'

export interface Sample {
  readonly config: Readonly<Record<string, unknown>>
  /** A request after which every fact under `provides` is set. */
  establishing?(): TestView
}

/** A rule file without rules: what runs by default depends on what is installed. */
const emptyRules = fileURLToPath(new URL('../plugins/waf/empty.conf', import.meta.url))
const secret = 'a-secret-of-at-least-thirty-two-bytes!'

export const samples: Readonly<Record<string, Sample>> = {
  'request-id': {
    config: {},
    establishing: () =>
      createView({ requestId: '', peerTrusted: true, requestHeaders: { 'x-request-id': 'from-a-proxy' } }),
  },
  'request-size': { config: { limitBytes: 1024 } },
  'ip-restriction': { config: { allow: ['203.0.113.0/24'], tenants: { acme: { deny: ['203.0.113.9'] } } } },
  jwt: {
    config: { issuers: [{ issuer: 'https://issuer.test', algorithms: ['HS256'], secret }] },
    establishing: () => createView({ requestHeaders: { authorization: `Bearer ${signToken()}` } }),
  },
  waf: { config: { rules: [emptyRules], setup: ['SecRule ARGS "@contains x" "id:1,phase:2,deny,log"'] } },
  'client-cert': {
    config: { rules: [{ commonName: '{name}', userId: '{name}', tenant: '*' }] },
    establishing: () =>
      createView({
        clientCertificate: {
          ...{ subject: 'CN=billing', issuer: 'CN=one', serialNumber: '01', fingerprint: 'ab'.repeat(32) },
          ...{ dnsNames: [], uris: [], expiresAt: 2_000_000_000 },
        },
      }),
  },
  tenant: {
    config: {},
    establishing: () => {
      const acme = createTenant('acme')
      return createView({ hostTenant: acme, hostTenantId: 'acme', tenants: [acme] })
    },
  },
}

/** HS256, valid from the test clock's start on. */
function signToken(): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const issuedAt = 1_700_000_000
  const claims = {
    iss: 'https://issuer.test',
    sub: 'u1',
    tenant_id: 'acme',
    iat: issuedAt,
    exp: issuedAt + 3600,
  }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
