// Every algorithm family, signed and verified, and what must never pass for a signature.
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import type { Algorithm } from '../../../plugins/jwt/schema.ts'
import { signToken } from '../../../plugins/jwt/sign.ts'
import { encode, type Gate, goodClaims, issuer, makeKeyPair, openGate, secret, signRaw } from './gate.ts'

const rsa = makeKeyPair('rsa')
const pairs = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
  ES256: makeKeyPair('P-256'),
  ES384: makeKeyPair('P-384'),
  ES512: makeKeyPair('P-521'),
  EdDSA: makeKeyPair('ed25519'),
} as const
const longSecret = 'x'.repeat(64)

function issuerOf(algorithm: Algorithm) {
  const pair = pairs[algorithm as keyof typeof pairs]
  const key = pair === undefined ? { secret: longSecret } : { publicKey: pair.publicKey }
  return { issuer, algorithms: [algorithm], ...key }
}

function signWith(algorithm: Algorithm, gate: Gate): Promise<string> {
  const pair = pairs[algorithm as keyof typeof pairs]
  const key = pair === undefined ? { secret: longSecret } : { privateKey: pair.privateKey }
  return signToken({ algorithm, claims: goodClaims(gate.ports), ...key })
}

describe('a token of each algorithm', () => {
  for (const algorithm of ['HS256', 'HS384', 'HS512', ...Object.keys(pairs)] as Algorithm[]) {
    it(`passes when signed with ${algorithm}, and fails when one byte is changed`, async () => {
      const gate = await openGate({ issuers: [issuerOf(algorithm)] })
      const token = await signWith(algorithm, gate)
      const sent = await gate.send(token)
      assert.equal(sent.status, 200)
      assert.equal(sent.view.identity?.userId, 'u1')

      const [header, payload, signature] = token.split('.') as [string, string, string]
      const bytes = Buffer.from(signature, 'base64url')
      bytes[3] = (bytes[3] as number) ^ 1
      const changed = await gate.send(`${header}.${payload}.${bytes.toString('base64url')}`)
      assert.equal(changed.status, 401)
      assert.equal(gate.count('bad_signature'), 1)
      const other = encode(goodClaims(gate.ports, { sub: 'admin' }))
      assert.equal((await gate.send(`${header}.${other}.${signature}`)).status, 401)
      assert.equal((await gate.send(`${header}.${payload}.${signature.slice(0, -4)}`)).status, 401)
      assert.equal((await gate.send(`${header}.${payload}.`)).status, 401)
    })

    it(`is refused when signed with ${algorithm} and only another algorithm is listed`, async () => {
      const others = (['RS256', 'ES256'] as Algorithm[]).filter((one) => one !== algorithm)
      const gate = await openGate({ issuers: [issuerOf(others[0] as Algorithm)] })
      const sent = await gate.send(await signWith(algorithm, gate))
      assert.equal(sent.status, 401)
      assert.equal(gate.count('unsupported_algorithm'), 1)
    })
  }

  it('is refused when another key of the same kind signed it', async () => {
    const gate = await openGate({ issuers: [issuerOf('RS256')] })
    const { privateKey } = makeKeyPair('rsa')
    const token = await signToken({ algorithm: 'RS256', privateKey, claims: goodClaims(gate.ports) })
    assert.equal((await gate.send(token)).status, 401)
    assert.equal(gate.count('bad_signature'), 1)
  })

  it('passes with the old and the new secret while a secret is being replaced', async () => {
    const gate = await openGate({
      issuers: [{ issuer, algorithms: ['HS256'], secret: ['new '.repeat(10), secret] }],
    })
    for (const key of ['new '.repeat(10), secret]) {
      const token = await signToken({ algorithm: 'HS256', secret: key, claims: goodClaims(gate.ports) })
      assert.equal((await gate.send(token)).status, 200)
    }
    const token = await signToken({
      algorithm: 'HS256',
      secret: 'neither of the two secrets',
      claims: goodClaims(gate.ports),
    })
    assert.equal((await gate.send(token)).status, 401)
  })
})

// RFC 8725 section 2.1 and CVE-2015-9235.
describe('an attack on the algorithm', () => {
  for (const alg of [
    'none',
    'None',
    'NONE',
    'nOnE',
    'none ',
    '',
    'HS256\u0000',
    'hs256',
    'HS1',
    'constructor',
  ]) {
    it(`fails with alg ${JSON.stringify(alg)}`, async () => {
      const gate = await openGate()
      const payload = goodClaims(gate.ports)
      const unsigned = `${encode({ alg, typ: 'JWT' })}.${encode(payload)}.`
      assert.equal((await gate.send(unsigned)).status, 401)
      assert.equal((await gate.send(unsigned.slice(0, -1))).status, 401)
      assert.equal((await gate.send(signRaw({ alg }, payload))).status, 401)
    })
  }

  it('fails when the public key serves as the secret of an HMAC', async () => {
    for (const algorithm of ['RS256', 'ES256', 'EdDSA'] as const) {
      const gate = await openGate({ issuers: [issuerOf(algorithm)] })
      const { publicKey } = pairs[algorithm]
      const der = createPublicKey(publicKey).export({ type: 'spki', format: 'der' })
      for (const key of [publicKey, publicKey.trim(), der]) {
        const sent = await gate.send(signRaw({ alg: 'HS256', typ: 'JWT' }, goodClaims(gate.ports), key))
        assert.equal(sent.status, 401)
      }
      assert.equal(gate.count('unsupported_algorithm'), 3)
    }
  })

  it('fails when the token brings its own key or says where to fetch one', async () => {
    const gate = await openGate({ issuers: [issuerOf('RS256')] })
    const evil = makeKeyPair('rsa')
    const jwk = createPublicKey(evil.publicKey).export({ format: 'jwk' })
    const extras = [
      { jwk },
      { jku: 'http://127.0.0.1:1/jwks' },
      { x5u: 'http://127.0.0.1:1/cert' },
      { x5c: [evil.publicKey.replaceAll(/-----.*-----|\n/g, '')] },
    ]
    for (const extra of extras) {
      const header = { alg: 'RS256', ...extra } as never
      const token = await new SignJWT(goodClaims(gate.ports))
        .setProtectedHeader(header)
        .sign(createPrivateKey(evil.privateKey))
      assert.equal((await gate.send(token)).status, 401)
    }
    assert.equal(gate.count('bad_signature'), extras.length)
  })

  it('fails with extensions: crit, and payloads that are not encoded', async () => {
    const gate = await openGate()
    const payload = goodClaims(gate.ports)
    const headers = [
      { alg: 'HS256', crit: ['exp'], exp: 1 },
      { alg: 'HS256', crit: [] },
      { alg: 'HS256', crit: ['b64'], b64: true },
      { alg: 'HS256', crit: ['b64'], b64: false },
      { alg: 'HS256', b64: false },
    ]
    for (const header of headers) assert.equal((await gate.send(signRaw(header, payload))).status, 401)
    assert.equal(gate.count('malformed'), headers.length)
  })

  it('fails for every kid that is more than a name', async () => {
    const gate = await openGate({ issuers: [issuerOf('RS256')] })
    const kids = [
      '../../../../dev/null',
      "' UNION SELECT 'x",
      '/proc/sys/kernel/randomize_va_space',
      '__proto__',
      'x\u0000y',
    ]
    for (const kid of kids) {
      for (const key of ['', '2\n', 'x'.repeat(32)]) {
        assert.equal(
          (await gate.send(signRaw({ alg: 'HS256', kid }, goodClaims(gate.ports), key))).status,
          401,
        )
      }
    }
    const local = await openGate()
    for (const kid of [1, null, {}, ['a']]) {
      assert.equal((await local.send(signRaw({ alg: 'HS256', kid }, goodClaims(local.ports)))).status, 401)
    }
  })
})
