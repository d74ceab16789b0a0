// Configs of the jwt plugin that are refused at load, and what is only warned of.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Check } from 'typebox/value'
import { checkJwt } from '../../../plugins/jwt/check.ts'
import { jwtSchema } from '../../../plugins/jwt/schema.ts'
import { signToken } from '../../../plugins/jwt/sign.ts'
import { goodClaims, hmacIssuer, issuer, makeKeyPair, openGate, secret, toConfig } from './gate.ts'

const rsa = makeKeyPair('rsa')
const ec = makeKeyPair('P-256')

describe('a config of the jwt plugin', () => {
  const refused: [string, Record<string, unknown>, string, RegExp][] = [
    ['names no key', { issuer, algorithms: ['RS256'] }, '', /exactly one of secret, publicKey/],
    [
      'names two keys',
      { issuer, algorithms: ['HS256'], secret, jwksFile: 'x' },
      '',
      /secret and jwksFile cannot/,
    ],
    ['gives a secret to RS256', { issuer, algorithms: ['RS256'], secret }, '/algorithms', /HS256/],
    [
      'mixes HS256 and RS256',
      { issuer, algorithms: ['HS256', 'RS256'], jwksFile: 'x' },
      '/algorithms',
      /mixed/,
    ],
    [
      'fetches secrets',
      { issuer, algorithms: ['HS256'], jwksUrl: 'https://a.test/' },
      '/algorithms',
      /public/,
    ],
    [
      'takes a public key file for HS256',
      { issuer, algorithms: ['HS256'], publicKeyFile: 'x' },
      '/algorithms',
      /public/,
    ],
    [
      'takes a public key for a secret',
      { issuer, algorithms: ['HS256'], secret: rsa.publicKey },
      '/secret',
      /publicKey/,
    ],
    ['has an empty secret', { issuer, algorithms: ['HS256'], secret: '' }, '/secret', /empty/],
    [
      'has one empty secret of two',
      { issuer, algorithms: ['HS256'], secret: [secret, ''] },
      '/secret/1',
      /empty/,
    ],
    [
      'has a secret that is not hex',
      { issuer, algorithms: ['HS256'], secret: 'abcx', secretEncoding: 'hex' },
      '/secret',
      /not hex/,
    ],
    [
      'has a secret that is not base64',
      { issuer, algorithms: ['HS256'], secret: 'a!b', secretEncoding: 'base64' },
      '/secret',
      /not base64/,
    ],
    [
      'has a private key',
      { issuer, algorithms: ['RS256'], publicKey: rsa.privateKey },
      '/publicKey',
      /private key/,
    ],
    ['has no key in its key', { issuer, algorithms: ['RS256'], publicKey: 'hello' }, '/publicKey', /PEM/],
    [
      'has a key that does not fit',
      { issuer, algorithms: ['RS256'], publicKey: ec.publicKey },
      '/algorithms',
      /RS256 cannot/,
    ],
    [
      'has a key of another curve',
      { issuer, algorithms: ['ES256', 'ES384'], publicKey: ec.publicKey },
      '/algorithms',
      /ES384 cannot/,
    ],
    [
      'fetches keys from a file address',
      { issuer, algorithms: ['RS256'], jwksUrl: 'file:///etc/passwd' },
      '/jwksUrl',
      /http/,
    ],
    [
      'fetches keys from nowhere',
      { issuer, algorithms: ['RS256'], jwksUrl: 'jwks.json' },
      '/jwksUrl',
      /http/,
    ],
  ]
  for (const [name, one, pointer, message] of refused) {
    it(`is refused when an issuer ${name}`, () => {
      const problems = checkJwt(toConfig({ issuers: [one] }))
      assert.equal(problems[0]?.pointer, `/issuers/0${pointer}`)
      assert.match(problems[0]?.message ?? '', message)
    })
  }

  it('is refused when an issuer is listed twice', () => {
    const [problem] = checkJwt(toConfig({ issuers: [hmacIssuer(), hmacIssuer()] }))
    assert.equal(problem?.pointer, '/issuers/1/issuer')
  })

  it('is refused when a token in the query would have to be taken away', () => {
    const config = { issuers: [hmacIssuer()], sources: [{ query: 'token' }], forwardToken: false }
    assert.equal(checkJwt(toConfig(config))[0]?.pointer, '/forwardToken')
  })

  it('can name neither none nor an unknown algorithm, nor unknown keys', () => {
    for (const algorithms of [['none'], ['HS256', 'NONE'], ['RS1'], [], ['HS256', 'HS256']]) {
      assert.equal(
        Check(jwtSchema, { ...toConfig({ issuers: [hmacIssuer()] }), issuers: [hmacIssuer({ algorithms })] }),
        false,
      )
    }
    assert.equal(Check(jwtSchema, { ...toConfig({ issuers: [hmacIssuer()] }), extra: 1 }), false)
    assert.equal(
      Check(jwtSchema, { ...toConfig({ issuers: [hmacIssuer()] }), issuers: [hmacIssuer({ alg: 'HS256' })] }),
      false,
    )
  })

  it('says that its secrets are secret', () => {
    assert.equal(
      (jwtSchema.properties.issuers.items.properties.secret as { writeOnly?: boolean }).writeOnly,
      true,
    )
  })

  it('with a short secret is warned of', async () => {
    const short = await openGate({ issuers: [hmacIssuer({ secret: 'x'.repeat(31) })] })
    assert.equal(short.ports.logged.filter(({ level }) => level === 'warn').length, 1)
    const long = await openGate({ issuers: [hmacIssuer({ secret: 'x'.repeat(32) })] })
    assert.deepEqual(long.ports.logged, [])
    const stronger = await openGate({
      issuers: [hmacIssuer({ secret: 'x'.repeat(32), algorithms: ['HS512'] })],
    })
    assert.equal(stronger.ports.logged.length, 1)
  })

  it('reads secrets in hex and base64', async () => {
    const bytes = Buffer.from('00ff'.repeat(16), 'hex')
    for (const secretEncoding of ['hex', 'base64', 'base64url'] as const) {
      const text = bytes.toString(secretEncoding)
      const encoding = secretEncoding === 'hex' ? 'hex' : 'base64'
      const gate = await openGate({ issuers: [hmacIssuer({ secret: text, secretEncoding: encoding })] })
      const token = await signToken({ algorithm: 'HS256', secret: bytes, claims: goodClaims(gate.ports) })
      assert.equal((await gate.send(token)).status, 200)
    }
  })

  it('with a key that is too small cannot start', async () => {
    const { publicKey } = makeKeyPair('rsa', 1024)
    await assert.rejects(openGate({ issuers: [{ issuer, algorithms: ['RS256'], publicKey }] }), /2048/)
  })
})

describe('signing', () => {
  it('asks for the key that the algorithm needs', async () => {
    await assert.rejects(signToken({ algorithm: 'HS256', claims: {} }), /secret/)
    await assert.rejects(signToken({ algorithm: 'HS256', secret: '', claims: {} }), /secret/)
    await assert.rejects(signToken({ algorithm: 'RS256', secret, claims: {} }), /private key/)
  })

  it('fills in iat and exp where the claims lack them', async () => {
    const read = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const options = { algorithm: 'HS256', secret, nowMs: 5_000_500 } as const
    assert.deepEqual(read(await signToken({ ...options, claims: { a: 1 }, expiresInSeconds: 10 })), {
      iat: 5000,
      exp: 5010,
      a: 1,
    })
    assert.deepEqual(read(await signToken({ ...options, claims: { iat: 1, exp: 2 } })), { iat: 1, exp: 2 })
  })
})
