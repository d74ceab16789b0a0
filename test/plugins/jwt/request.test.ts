// Tokens on requests: where they are found, what routes ask, how refusals look, tenants, and what goes upstream.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RevocableToken } from '../../../gateway/contract/ports.ts'
import { createRoute, createTenant, createView, type TestView } from '../../support/view.ts'
import { type Gate, hmacIssuer, openGate, type Sent, sign, toSent } from './gate.ts'

async function request(gate: Gate, over: Partial<TestView>): Promise<Sent> {
  const view = createView(over)
  return toSent(await gate.onRequest(view), view)
}

describe('a token', () => {
  const places: [string, (token: string) => Partial<TestView>, number][] = [
    ['in Authorization', (t) => ({ requestHeaders: { authorization: `Bearer ${t}` } }), 200],
    ['behind a scheme in another case', (t) => ({ requestHeaders: { authorization: `bEaReR ${t}` } }), 200],
    ['behind two spaces', (t) => ({ requestHeaders: { authorization: `Bearer  ${t}` } }), 200],
    ['in the cookie', (t) => ({ requestHeaders: { cookie: `a=b; aegis_token=${t}; c=d` } }), 200],
    [
      'twice in the cookie, the same',
      (t) => ({ requestHeaders: { cookie: `aegis_token=${t};aegis_token=${t}` } }),
      200,
    ],
    [
      'in the cookie beside Basic credentials',
      (t) => ({ requestHeaders: { authorization: 'Basic YTpi', cookie: `aegis_token=${t}` } }),
      200,
    ],
    [
      'twice in the cookie, with another value',
      (t) => ({ requestHeaders: { cookie: `aegis_token=x; aegis_token=${t}` } }),
      401,
    ],
    [
      'twice in the cookie, the second one bad',
      (t) => ({ requestHeaders: { cookie: `aegis_token=${t}; aegis_token=x` } }),
      401,
    ],
    ['in a cookie of another case', (t) => ({ requestHeaders: { cookie: `AEGIS_TOKEN=${t}` } }), 401],
    ['in a cookie with a longer name', (t) => ({ requestHeaders: { cookie: `xaegis_token=${t}` } }), 401],
    [
      'in two Authorization headers',
      (t) => ({ requestHeaders: { authorization: `Bearer ${t}, Bearer ${t}` } }),
      401,
    ],
    [
      'in the second of two Authorization headers',
      (t) => ({ requestHeaders: { authorization: `Basic YTpi, Bearer ${t}` } }),
      401,
    ],
    [
      'with a second token behind it',
      (t) => ({ requestHeaders: { authorization: `Bearer ${t} ${t}` } }),
      401,
    ],
    ['behind another scheme', (t) => ({ requestHeaders: { authorization: `BearerX ${t}` } }), 401],
    ['without a scheme', (t) => ({ requestHeaders: { authorization: t } }), 401],
    ['in the query', (t) => ({ query: `aegis_token=${t}&access_token=${t}` }), 401],
  ]
  for (const [name, place, status] of places) {
    it(`${status === 200 ? 'passes' : 'is refused'} ${name}`, async () => {
      const gate = await openGate()
      const sent = await request(gate, place(await sign(gate.ports)))
      assert.equal(sent.status, status)
      assert.equal(sent.view.identity?.userId, status === 200 ? 'u1' : undefined)
    })
  }

  it('in the header goes before the one in the cookie, also when it is bad', async () => {
    const gate = await openGate()
    const cookie = `aegis_token=${await sign(gate.ports, { sub: 'cookie' })}`
    const authorization = `Bearer ${await sign(gate.ports, { sub: 'header' })}`
    const both = await request(gate, { requestHeaders: { authorization, cookie } })
    assert.equal(both.view.identity?.userId, 'header')
    for (const bad of ['Bearer x', 'Bearer', 'Bearer ', 'Bearer\tx', 'bearer,']) {
      assert.equal((await request(gate, { requestHeaders: { authorization: bad, cookie } })).status, 401)
    }
  })

  it('is found in the configured places only', async () => {
    const sources = [{ header: 'X-Token' }, { query: 'access_token' }]
    const gate = await openGate({ issuers: [hmacIssuer()], sources })
    const token = await sign(gate.ports)
    assert.equal((await request(gate, { requestHeaders: { 'x-token': token } })).status, 200)
    assert.equal((await request(gate, { query: `a=1&access_token=${token}&b` })).status, 200)
    assert.equal((await request(gate, { query: `access_token=x&access_token=${token}` })).status, 401)
    assert.equal((await request(gate, { requestHeaders: { authorization: `Bearer ${token}` } })).status, 401)
  })

  it('that is an emptied cookie is none', async () => {
    const gate = await openGate()
    const sent = await request(gate, { requestHeaders: { cookie: 'aegis_token=' } })
    assert.equal(sent.code, 'AEGIS_TOKEN_MISSING')
  })
})

describe('a route', () => {
  it('that requires a token refuses a request without one, and says no more than that', async () => {
    const gate = await openGate()
    const sent = await request(gate, {})
    assert.equal(sent.status, 401)
    assert.equal(sent.code, 'AEGIS_TOKEN_MISSING')
    assert.equal(sent.challenge, 'Bearer realm="aegis"')
    assert.equal(gate.count('missing'), 1)
  })

  it('that requires a token lets a caller pass whom an earlier plugin knows', async () => {
    const gate = await openGate()
    const identity = {
      userId: 'k',
      tenantId: null,
      roles: [],
      permissions: [],
      claims: {},
      expiresAt: Infinity,
    }
    assert.equal((await request(gate, { identity })).status, 200)
  })

  it('with optional auth passes without a token, and refuses a bad one', async () => {
    const gate = await openGate()
    const route = createRoute({ auth: 'optional' })
    const none = await request(gate, { route })
    assert.deepEqual([none.status, none.view.identity], [200, null])
    assert.equal(
      (await request(gate, { route, requestHeaders: { authorization: 'Basic YTpi' } })).status,
      200,
    )
    assert.equal((await gate.send('x.y.z', { route })).status, 401)
    assert.equal((await gate.send(await sign(gate.ports, { exp: 1 }), { route })).status, 401)
    for (const authorization of ['Bearer', 'Bearer\tx.y.z', 'Basic YTpi, Bearer x', 'Bearer a,Bearer b']) {
      assert.equal((await request(gate, { route, requestHeaders: { authorization } })).status, 401)
    }
    assert.equal((await gate.send(await sign(gate.ports), { route })).view.identity?.userId, 'u1')
  })

  it('without auth ignores every token', async () => {
    const gate = await openGate()
    const route = createRoute({ auth: 'none' })
    for (const token of ['x', await sign(gate.ports), await sign(gate.ports, { exp: 1 })]) {
      const sent = await gate.send(token, { route })
      assert.deepEqual([sent.status, sent.view.identity], [200, null])
    }
    assert.equal(gate.ports.recorded.size, 0)
  })
})

describe('a refusal', () => {
  it('carries the challenge of RFC 6750, and tells nothing of what the gateway knows', async () => {
    const gate = await openGate({ issuers: [hmacIssuer({ audience: 'inner-api' })], realm: 'a "b" \\c' })
    const sent = await gate.send(await sign(gate.ports, { exp: 1, aud: 'inner-api' }))
    assert.equal(
      sent.challenge,
      'Bearer realm="a \\"b\\" \\\\c", error="invalid_token", error_description="The access token has expired."',
    )
    const replies = [
      await gate.send('x'),
      await gate.send(await sign(gate.ports, { iss: 'secret-issuer' })),
      await gate.send(await sign(gate.ports)),
    ]
    for (const { status, challenge } of replies) {
      assert.equal(status, 401)
      assert.match(challenge, /^Bearer realm=".*", error="invalid_token", error_description="[A-Za-z ,.]+"$/)
      assert.doesNotMatch(challenge, /issuer|inner-api|https/)
    }
  })
})

describe('the tenant of a token', () => {
  const acme = createTenant('acme')
  const tenants = [acme, createTenant('globex')]

  const cases: [string, Record<string, unknown>, Partial<TestView>, number][] = [
    ['is that of the host', { tenant_id: 'acme' }, { hostTenant: acme }, 200],
    ['is another than that of the host', { tenant_id: 'globex' }, { hostTenant: acme }, 403],
    ['differs from that of the host in case', { tenant_id: 'ACME' }, { hostTenant: acme }, 403],
    ['is that of the tenant plugin before it', { tenant_id: 'acme' }, { tenant: acme }, 200],
    ['is another than that of the tenant plugin before it', { tenant_id: 'globex' }, { tenant: acme }, 403],
    ['meets a host of no tenant', { tenant_id: 'globex' }, {}, 200],
    ['is missing on the host of a tenant', {}, { hostTenant: acme }, 403],
    ['is missing after the tenant plugin found one', {}, { tenant: acme }, 403],
    ['is missing on a host of no tenant', {}, {}, 200],
  ]
  for (const [name, claims, over, status] of cases) {
    it(`gives ${status} when it ${name}, fresh and cached`, async () => {
      const gate = await openGate()
      const token = await sign(gate.ports, claims)
      for (let i = 0; i < 2; i++) {
        const sent = await gate.send(token, { tenants, ...over })
        assert.equal(sent.status, status)
        if (status === 403) assert.deepEqual([sent.code, sent.view.identity], ['AEGIS_TENANT_MISMATCH', null])
      }
    })
  }

  it('may be missing on the host of a tenant where the operator allows it; a wrong one never passes', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], requireTenant: false })
    assert.equal((await gate.send(await sign(gate.ports), { hostTenant: acme })).status, 200)
    const wrong = await sign(gate.ports, { tenant_id: 'globex' })
    assert.equal((await gate.send(wrong, { hostTenant: acme })).status, 403)
  })

  it('must be one of those of its issuer', async () => {
    const gate = await openGate({ issuers: [hmacIssuer({ tenants: ['acme', 'initech'] })] })
    assert.equal((await gate.send(await sign(gate.ports, { tenant_id: 'acme' }))).status, 200)
    assert.equal((await gate.send(await sign(gate.ports, { tenant_id: 'globex' }))).status, 403)
    assert.equal((await gate.send(await sign(gate.ports))).status, 403)
  })

  it('is that of its issuer when the issuer has only one', async () => {
    const gate = await openGate({ issuers: [hmacIssuer({ tenants: ['acme'] })] })
    const token = await sign(gate.ports)
    const sent = await gate.send(token, { hostTenant: acme })
    assert.deepEqual([sent.status, sent.view.identity?.tenantId], [200, 'acme'])
    assert.equal((await gate.send(token, { hostTenant: createTenant('globex') })).status, 403)
  })
})

describe('revocation', () => {
  it('is asked about every use of a token, also when its verification is cached', async () => {
    const asked: RevocableToken[] = []
    let revoked = false
    const isRevoked = (token: RevocableToken) => asked.push(token) > 0 && revoked
    const gate = await openGate(undefined, { revocations: { isRevoked } })
    const token = await sign(gate.ports, { jti: 'j1', sid: 's1', tenant_id: 'acme' })
    assert.equal((await gate.send(token)).status, 200)
    revoked = true
    assert.equal((await gate.send(token)).code, 'AEGIS_TOKEN_REVOKED')
    assert.equal(gate.count('revoked'), 1)
    revoked = false
    assert.equal((await gate.send(token)).status, 200)
    assert.equal(asked.length, 3)
    const expected = {
      tenantId: 'acme',
      userId: 'u1',
      tokenId: 'j1',
      sessionId: 's1',
      issuedAt: 1_700_000_000,
    }
    assert.deepEqual(asked[0], expected)
  })

  it('is asked within the tenant of the host for tokens that are bound to none', async () => {
    const asked: RevocableToken[] = []
    const revocations = { isRevoked: (token: RevocableToken) => asked.push(token) < 0 }
    const gate = await openGate({ issuers: [hmacIssuer()], requireTenant: false }, { revocations })
    await gate.send(await sign(gate.ports), { hostTenant: createTenant('acme') })
    assert.equal(asked[0]?.tenantId, 'acme')
  })
})

describe('the upstream', () => {
  it('gets the token by default', async () => {
    const gate = await openGate()
    assert.equal((await gate.send(await sign(gate.ports))).view.upstreamHeaders.size, 0)
  })

  it('gets it nowhere when it is not to be forwarded, fresh and cached', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], forwardToken: false })
    const token = await sign(gate.ports)
    for (let i = 0; i < 2; i++) {
      const cookie = `a=b; aegis_token=${token}; c=d=e`
      const { view } = await gate.send(token, {
        requestHeaders: { authorization: `Bearer ${token}`, cookie },
      })
      assert.deepEqual(
        [...view.upstreamHeaders],
        [
          ['authorization', null],
          ['cookie', 'a=b; c=d=e'],
        ],
      )
    }
    const only = await request(gate, {
      requestHeaders: { authorization: 'Basic YTpi', cookie: `aegis_token=${token}` },
    })
    assert.deepEqual([...only.view.upstreamHeaders], [['cookie', null]])
  })
})
