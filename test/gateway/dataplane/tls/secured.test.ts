import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { toClientCertificate, toForwardedCertificate } from '../../../../gateway/dataplane/tls/secured.ts'
import { createCertificateShop } from '../../../support/certificates.ts'

const dir = mkdtempSync(join(tmpdir(), 'aegis-secured-'))
after(() => rmSync(dir, { recursive: true }))
const shop = createCertificateShop(dir)
const authority = shop.authority('one')

describe('what is told of a client certificate', () => {
  const read = (subject: string, names: string) =>
    toClientCertificate(new X509Certificate(shop.issue(authority, { subject, names }).cert))

  test('its names, most special first, and its fingerprint', () => {
    const certificate = read('/O=Acme/CN=billing', 'URI:spiffe://acme/a,DNS:a.test,DNS:b.test,email:x@a.test')
    assert.equal(certificate.subject, 'CN=billing,O=Acme')
    assert.equal(certificate.issuer, 'CN=one CA')
    assert.deepEqual(certificate.dnsNames, ['a.test', 'b.test'])
    assert.deepEqual(certificate.uris, ['spiffe://acme/a'])
    assert.match(certificate.fingerprint, /^[0-9a-f]{64}$/)
    assert.ok(certificate.expiresAt > Date.now() / 1000)
  })

  const hostile: [string, string, string][] = [
    ['a quote', '/CN=a";URI="spiffe:\\/\\/acme\\/admin', 'URI:spiffe://acme/a'],
    ['a comma', '/CN=a,URI=b', 'URI:spiffe://acme/a'],
    ['letters beyond ASCII', '/CN=\u00e4\u20ac', 'URI:spiffe://acme/a'],
    ['a name of the subject in the SAN', '/CN=a', 'URI:spiffe://acme/a";DNS="b'],
  ]
  for (const [what, subject, names] of hostile) {
    test(`${what} makes neither another element nor a byte that no header takes`, () => {
      const text = toForwardedCertificate(read(subject, names))
      assert.match(text, /^Hash=[0-9a-f]{64};Subject="(?:[^"\\]|\\.)*";URI="(?:[^"\\]|\\.)*"$/)
      assert.match(text, /^[\x20-\x7e]*$/)
    })
  }
})
