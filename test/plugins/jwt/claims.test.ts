// The form of tokens, their times and claims (RFC 7519, RFC 8725).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encode, goodClaims, hmacIssuer, issuer, openGate, sign, signRaw } from './gate.ts'

const startSeconds = 1_700_000_000

describe('the form of a token', () => {
  const header = { alg: 'HS256', typ: 'JWT' }
  const claims = { iss: issuer, sub: 'u1', exp: startSeconds + 600 }
  const good = signRaw(header, claims)
  const [first, second, third] = good.split('.') as [string, string, string]
  const cases: Record<string, string> = {
    'one part': first,
    'two parts': `${first}.${second}`,
    'a dot too many at the end': `${good}.`,
    'a dot too many at the start': `.${good}`,
    'four parts': `${good}.${third}`,
    'five parts, as encrypted tokens have': `${good}.${third}.${third}`,
    'empty parts': '..',
    'an empty header': `.${second}.${third}`,
    'an empty payload': `${first}..${third}`,
    'a header that is not JSON': signRaw('{"alg":"HS256"', claims),
    'a header that is a list': signRaw([header], claims),
    'a header that is null': signRaw('null', claims),
    'a header without alg': signRaw({ typ: 'JWT' }, claims),
    'a numeric alg': signRaw({ alg: 256 }, claims),
    'a numeric typ': signRaw({ alg: 'HS256', typ: 1 }, claims),
    'a payload that is not JSON': signRaw(header, 'hello'),
    'a payload that is a list': signRaw(header, [claims]),
    'a payload that is a string': signRaw(header, '"x"'),
    'a nested token as payload': signRaw({ ...header, cty: 'JWT' }, good),
    'a payload with a BOM': signRaw(header, `\ufeff${JSON.stringify(claims)}`),
    'text behind the payload': signRaw(header, `${JSON.stringify(claims)}x`),
    'a repeated claim': signRaw(header, JSON.stringify(claims).replace('{', '{"sub":"admin",')),
    'a repeated claim, spelled with an escape': signRaw(
      header,
      JSON.stringify(claims).replace('{', '{"s\\u0075b":"a",'),
    ),
    'a repeated claim in a nested object': signRaw(
      header,
      JSON.stringify({ ...claims, a: [0] }).replace('[0]', '[{"b":1,"b":2}]'),
    ),
    'a repeated alg': signRaw('{"alg":"none","alg":"HS256"}', claims),
    'padding in a part': `${first}=.${second}.${third}`,
    'a space in a part': `${first} .${second}.${third}`,
    'a foreign character in the signature': `${first}.${second}.?${third}`,
    'the other alphabet of base64': `${first}.${second}.${third.slice(0, -2)}+/`,
    'stray bits in the last character': `${first}.${second}.${third.slice(0, -1)}${nextLetter(third.at(-1) as string)}`,
  }
  for (const [name, token] of Object.entries(cases)) {
    it(`is refused with ${name}`, async () => {
      const gate = await openGate()
      const sent = await gate.send(token)
      assert.equal(sent.status, 401)
      assert.equal(gate.count('malformed'), 1, [...gate.ports.recorded.keys()].join())
    })
  }

  it('is refused when its payload is not UTF-8', async () => {
    const gate = await openGate()
    const payload = Buffer.concat([Buffer.from('{"iss":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])
    assert.equal((await gate.send(`${encode(header)}.${payload.toString('base64url')}.AAAA`)).status, 401)
    assert.equal(gate.count('malformed'), 1)
  })

  it('is refused unread beyond the size limit, and read up to it', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], maxTokenBytes: 400 })
    const fill = (length: number) => signRaw(header, { ...claims, pad: 'x'.repeat(length) })
    assert.equal((await gate.send(fill(10))).status, 200)
    assert.equal((await gate.send(fill(400))).status, 401)
    assert.equal(gate.count('malformed'), 1)
    const wide = await openGate()
    assert.equal((await wide.send('x'.repeat(9000))).status, 401)
    assert.equal((await wide.send('.'.repeat(8000))).status, 401)
  })

  it('passes with spaces in its JSON and with repeated names in different objects', async () => {
    const gate = await openGate()
    const text = JSON.stringify(
      { ...claims, a: { n: 1 }, b: [{ n: '{"n":1,"n":2}' }, { n: '\\"' }] },
      null,
      2,
    )
    assert.equal((await gate.send(signRaw(header, text))).status, 200)
  })

  it('is refused with a typ that is not among the accepted ones', async () => {
    const gate = await openGate({ issuers: [hmacIssuer({ types: ['at+jwt'] })] })
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
      assert.equal((await gate.send(signRaw({ alg: 'HS256', typ }, claims))).status, 200)
    }
    for (const head of [{ alg: 'HS256' }, { alg: 'HS256', typ: 'JWT' }, { alg: 'HS256', typ: 'dpop+jwt' }]) {
      assert.equal((await gate.send(signRaw(head, claims))).status, 401)
    }
  })
})

/** A letter of the alphabet that differs in the unused low bits only: 32 bytes leave two bits over. */
function nextLetter(letter: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(letter) + 1] as string
}

describe('the issuer and the audience', () => {
  it('must be known and a string', async () => {
    const gate = await openGate()
    for (const iss of [
      'https://other.test',
      `${issuer}/`,
      issuer.toUpperCase(),
      '',
      'constructor',
      undefined,
      null,
      1,
      [issuer],
      { a: issuer },
    ]) {
      assert.equal((await gate.send(await sign(gate.ports, { iss }))).status, 401)
    }
    assert.equal(gate.count('unknown_issuer'), 10)
  })

  it('are bound to their own keys and algorithms', async () => {
    const other = { issuer: 'https://other.test', algorithms: ['HS256'], secret: 'y'.repeat(40) }
    const gate = await openGate({ issuers: [hmacIssuer(), other] })
    assert.equal((await gate.send(await sign(gate.ports, { iss: other.issuer }))).status, 401)
    assert.equal(gate.count('bad_signature'), 1)
  })

  const cases: [string | string[], unknown, number][] = [
    ['api', 'api', 200],
    ['api', ['x', 'api'], 200],
    [['web', 'api'], 'api', 200],
    ['api', 'API', 401],
    ['api', 'other', 401],
    ['api', [], 401],
    ['api', undefined, 401],
    ['api', null, 401],
    ['api', { 0: 'api' }, 401],
    ['api', ['api', 1], 401],
    ['api', 'api other', 401],
  ]
  for (const [audience, aud, status] of cases) {
    it(`give ${status} for aud ${JSON.stringify(aud)} where ${JSON.stringify(audience)} is asked`, async () => {
      const gate = await openGate({ issuers: [hmacIssuer({ audience })] })
      assert.equal((await gate.send(await sign(gate.ports, { aud }))).status, status)
      assert.equal(gate.count('wrong_audience'), status === 401 ? 1 : 0)
    })
  }
})

describe('the times of a token', () => {
  const now = startSeconds
  const cases: [string, Record<string, unknown>, string][] = [
    ['an end that has passed', { exp: now - 6 }, 'expired'],
    ['an end that has passed within the tolerance', { exp: now - 4 }, 'ok'],
    ['an end just now, beyond the tolerance', { exp: now - 5 }, 'expired'],
    ['no end', { exp: undefined }, 'bad_claims'],
    ['an end of null', { exp: null }, 'bad_claims'],
    ['an end as a string', { exp: String(now + 600) }, 'bad_claims'],
    ['an end as a list', { exp: [now + 600] }, 'bad_claims'],
    ['an end of true', { exp: true }, 'bad_claims'],
    ['an end of -1', { exp: -1 }, 'expired'],
    ['an end of 0', { exp: 0 }, 'expired'],
    ['an end with a fraction', { exp: now + 0.5 }, 'ok'],
    ['a begin to come', { nbf: now + 6 }, 'not_yet_valid'],
    ['a begin to come within the tolerance', { nbf: now + 4 }, 'ok'],
    ['a begin as a string', { nbf: '0' }, 'bad_claims'],
    ['an issue time to come', { iat: now + 60 }, 'not_yet_valid'],
    ['an issue time as a string', { iat: '1' }, 'bad_claims'],
    ['no issue time', { iat: undefined }, 'ok'],
  ]
  for (const [name, claims, result] of cases) {
    it(`${result === 'ok' ? 'pass' : 'are refused'} with ${name}`, async () => {
      const gate = await openGate()
      const token = signRaw({ alg: 'HS256' }, goodClaims(gate.ports, claims))
      assert.equal((await gate.send(token)).status, result === 'ok' ? 200 : 401)
      assert.equal(gate.count(result), 1, [...gate.ports.recorded.keys()].join())
    })
  }

  it('are refused when they are infinite', async () => {
    const gate = await openGate()
    for (const claim of ['exp', 'nbf', 'iat']) {
      const text = JSON.stringify(goodClaims(gate.ports, { [claim]: 0 })).replace(
        `"${claim}":0`,
        `"${claim}":1e999`,
      )
      assert.match(text, /1e999/)
      assert.equal((await gate.send(signRaw({ alg: 'HS256' }, text))).status, 401)
    }
    assert.equal(gate.count('bad_claims'), 3)
  })

  it('may lack an end only where the operator allows it', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], requireExp: false })
    const token = signRaw({ alg: 'HS256' }, goodClaims(gate.ports, { exp: undefined }))
    assert.equal((await gate.send(token)).status, 200)
    gate.ports.clock.advance(10 * 365 * 86_400_000)
    assert.equal((await gate.send(token)).status, 200)
  })

  it('are bounded by the greatest age, which needs iat', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], maxTokenAgeSeconds: 60 })
    assert.equal((await gate.send(await sign(gate.ports, { iat: now - 66 }))).status, 401)
    assert.equal(gate.count('expired'), 1)
    assert.equal((await gate.send(await sign(gate.ports, { iat: now - 64 }))).status, 200)
    assert.equal(
      (await gate.send(signRaw({ alg: 'HS256' }, goodClaims(gate.ports, { iat: undefined })))).status,
      401,
    )
    assert.equal(gate.count('bad_claims'), 1)
  })

  it('must all be there when they are listed as required', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], requiredClaims: ['jti', 'app.name'] })
    assert.equal((await gate.send(await sign(gate.ports, { jti: 'a', app: { name: 'x' } }))).status, 200)
    assert.equal((await gate.send(await sign(gate.ports, { jti: 'a', app: {} }))).status, 401)
    assert.equal((await gate.send(await sign(gate.ports, { jti: null, app: { name: 'x' } }))).status, 401)
  })
})

describe('the identity', () => {
  it('comes from the claims', async () => {
    const gate = await openGate()
    const over = {
      user_id: 42,
      tenant_id: 'acme',
      roles: ['admin', 'member'],
      permissions: ['items:read'],
      extra: 1,
    }
    const { view } = await gate.send(await sign(gate.ports, over))
    const { claims, ...identity } = view.identity ?? assert.fail('there is no identity')
    assert.deepEqual(identity, {
      userId: '42',
      tenantId: 'acme',
      roles: ['admin', 'member'],
      permissions: ['items:read'],
      expiresAt: startSeconds + 600,
    })
    assert.equal(claims.extra, 1)
    assert.throws(() => ((claims as Record<string, unknown>).extra = 2), TypeError)
  })

  it('comes from claims of other names, also nested ones and ones with dots in their names', async () => {
    const claims = {
      userId: ['https://acme.test/uid'],
      tenant: ['org.id'],
      roles: ['realm_access.roles'],
      permissions: ['scope'],
    }
    const gate = await openGate({ issuers: [hmacIssuer()], claims })
    const over = {
      'https://acme.test/uid': 'u9',
      org: { id: 'acme' },
      realm_access: { roles: ['a'] },
      scope: 'x:read, y:* z',
    }
    const { view } = await gate.send(await sign(gate.ports, over))
    const { userId, tenantId, roles, permissions } = view.identity ?? assert.fail('there is no identity')
    assert.deepEqual([userId, tenantId, roles, permissions], ['u9', 'acme', ['a'], ['x:read', 'y:*', 'z']])
  })

  it('does not come from what objects inherit', async () => {
    const claims = {
      userId: ['sub'],
      tenant: ['constructor.name', '__proto__.x', 'a.length'],
      roles: ['toString'],
    }
    const gate = await openGate({ issuers: [hmacIssuer()], claims })
    const { view } = await gate.send(await sign(gate.ports, { a: 'text' }))
    assert.deepEqual([view.identity?.tenantId, view.identity?.roles], [null, []])
  })

  const bad: [string, Record<string, unknown>][] = [
    ['no user', { sub: undefined }],
    ['an empty user', { sub: '' }],
    ['a user of spaces', { sub: '  ' }],
    ['a user with outer spaces', { sub: 'u1 ' }],
    ['a user with a line break', { sub: 'u1\r\nX-User-Roles: admin' }],
    ['a user with a NUL', { sub: 'u1\u0000' }],
    ['a user with a C1 control character', { sub: 'u\u0085' }],
    ['a user that is an object', { sub: { id: 1 } }],
    ['a user that is a list', { sub: ['u1'] }],
    ['a user that is a fraction', { sub: 1.5 }],
    ['a user beyond the exact integers', { sub: 2 ** 53 }],
    ['a user that is true', { sub: true }],
    ['a very long user', { sub: 'u'.repeat(257) }],
    ['a bad user_id beside a good sub', { user_id: '' }],
    ['an empty tenant', { tenant_id: '' }],
    ['a tenant that is an object', { tenant_id: {} }],
    ['a tenant that is a list', { tenant_id: ['acme'] }],
    ['roles that are an object', { roles: { admin: true } }],
    ['roles that are a number', { roles: 1 }],
    ['a role that is a number', { roles: ['a', 1] }],
    ['a role that is null', { roles: [null] }],
    ['an empty role', { roles: [''] }],
    ['a role with a comma, which would be two in a header', { roles: ['member,admin'] }],
    ['a role with a line break', { roles: ['a\nb'] }],
    ['a role with outer spaces', { roles: [' admin'] }],
    ['a permission that is an object', { permissions: [{}] }],
    ['a jti that is an object', { jti: {} }],
    ['a session that is a list', { sid: [] }],
  ]
  for (const [name, over] of bad) {
    it(`is refused with ${name}`, async () => {
      const gate = await openGate()
      const sent = await gate.send(signRaw({ alg: 'HS256' }, goodClaims(gate.ports, over)))
      assert.equal(sent.status, 401)
      assert.equal(gate.count('bad_claims'), 1)
      assert.equal(sent.view.identity, null)
    })
  }

  it('is refused with halves of surrogate pairs, which two users would share in a header', async () => {
    const gate = await openGate()
    const text = JSON.stringify(goodClaims(gate.ports))
    for (const half of ['\\ud800', '\\udfff', 'a\\ud83d']) {
      assert.equal(
        (await gate.send(signRaw({ alg: 'HS256' }, text.replace('"u1"', `"${half}"`)))).status,
        401,
      )
    }
    assert.equal(gate.count('bad_claims'), 3)
    assert.equal((await gate.send(await sign(gate.ports, { sub: 'Zoë 😀' }))).view.identity?.userId, 'Zoë 😀')
  })
})
