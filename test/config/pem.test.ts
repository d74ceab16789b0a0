import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { findCertificateWarnings, readPair } from '../../config/pem.ts'
import { createCertificateShop } from '../support/certificates.ts'

const dir = mkdtempSync(join(tmpdir(), 'aegis-pem-'))
after(() => rmSync(dir, { recursive: true }))
const shop = createCertificateShop(dir)
const authority = shop.authority('one')
const issued = shop.issue(authority, { names: 'DNS:a.test,DNS:*.b.test,IP:192.0.2.1,IP:2001:db8::1' })
const leaf = new X509Certificate(issued.cert)
const dayMs = 86_400_000

describe('what an operator is told of a certificate', () => {
  const cases: [string, string[], number, RegExp | null][] = [
    ['one that is good', ['a.test', '*.b.test', '*', '192.0.2.1', '[2001:db8::1]'], 0, null],
    ['one that soon expires', ['a.test'], 20, /^it expires on/],
    ['one that expired', ['a.test'], 40, /^it expired on/],
    ['one that is not valid yet', ['a.test'], -2, /^it is valid only from/],
    ['one for another host', ['a.test', 'c.test'], 0, /^it is not for c\.test;/],
    ['one for a single host below a wildcard', ['*.a.test'], 0, /^it is not for \*\.a\.test;/],
    [
      'one for another address',
      ['192.0.2.2', '[2001:db8::2]'],
      0,
      /^it is not for 192\.0\.2\.2, \[2001:db8::2\];/,
    ],
  ]
  for (const [what, hosts, days, expected] of cases) {
    test(what, () => {
      const warnings = findCertificateWarnings(leaf, hosts, Date.now() + days * dayMs)
      assert.equal(warnings.length, expected === null ? 0 : 1, warnings.join())
      if (expected !== null) assert.match(warnings[0] as string, expected)
    })
  }
})

describe('a pair that cannot be used', () => {
  const encrypted = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'
  const cases: [string, string | null, string | null, RegExp][] = [
    ['no files', null, null, /cert\.pem is missing.*key\.pem is missing/s],
    ['an encrypted key', issued.cert, encrypted, /key\.pem is encrypted/],
    ['a certificate in place of the key', issued.cert, issued.cert, /holds no private key/],
    ['the key in place of the certificate', issued.key, issued.key, /holds no certificate/],
    [
      'bytes within a certificate that are none',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      issued.key,
      /cannot be read/,
    ],
    [
      'the issuer before the certificate',
      authority.cert + issued.cert,
      issued.key,
      /not the key of the first/,
    ],
  ]
  for (const [what, cert, key, expected] of cases) {
    test(`${what} is named`, () => {
      const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
      for (const [path, text] of [
        [files.cert, cert],
        [files.key, key],
      ] as const) {
        rmSync(path, { force: true })
        if (text !== null) writeFileSync(path, text)
      }
      const read = readPair(files.cert, files.key)
      assert.ok('problems' in read)
      assert.match(read.problems.map(({ message }) => message).join('\n'), expected)
    })
  }
})
