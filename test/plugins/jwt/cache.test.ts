// The cache of verified tokens: synchronous, bounded, and never a way past time, keys or tenants.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { signToken } from '../../../plugins/jwt/sign.ts'
import { createTestDocument } from '../../support/ports.ts'
import { createView } from '../../support/view.ts'
import {
  type Gate,
  goodClaims,
  hmacIssuer,
  issuer,
  makeKeyPair,
  openGate,
  secret,
  sign,
  signRaw,
} from './gate.ts'

function enter(gate: Gate, token: string) {
  return gate.onRequest(createView({ requestHeaders: { authorization: `Bearer ${token}` } }))
}

/** How many tokens were verified, rather than known, while `act` ran. */
async function verifiedBy(gate: Gate, act: () => unknown): Promise<number> {
  const before = gate.count('ok')
  await act()
  return gate.count('ok') - before
}

const oct = (text: string, kid: string) => ({
  kty: 'oct',
  kid,
  alg: 'HS256',
  k: Buffer.from(text).toString('base64url'),
})

const pair = makeKeyPair('P-256')

async function openGateOfKeyPair() {
  const gate = await openGate({ issuers: [{ issuer, algorithms: ['ES256'], publicKey: pair.publicKey }] })
  const signIt = () =>
    signToken({ algorithm: 'ES256', claims: goodClaims(gate.ports), privateKey: pair.privateKey })
  return { gate, signIt }
}

describe('a verified token', () => {
  it('passes without a promise, the first time too when a secret signed it', async () => {
    const gate = await openGate()
    const token = await sign(gate.ports)
    assert.equal(enter(gate, token), undefined)
    assert.equal(enter(gate, token), undefined)
    assert.deepEqual([gate.count('ok'), gate.count('cached')], [1, 1])
  })

  it('passes without a promise the second time when a key pair signed it', async () => {
    const { gate, signIt } = await openGateOfKeyPair()
    const token = await signIt()
    const first = enter(gate, token)
    assert.ok(first instanceof Promise)
    assert.equal(await first, undefined)
    assert.equal(enter(gate, token), undefined)
    assert.deepEqual([gate.count('ok'), gate.count('cached')], [1, 1])
  })

  it('is not served past its end, however the clock got there', async () => {
    for (const move of ['advance', 'jumpWall'] as const) {
      const gate = await openGate({ issuers: [hmacIssuer()], clockToleranceSeconds: 0 })
      const token = await sign(gate.ports)
      await enter(gate, token)
      gate.ports.clock[move](599_999)
      assert.equal(enter(gate, token), undefined)
      gate.ports.clock[move](1)
      assert.equal((await gate.send(token)).code, 'AEGIS_TOKEN_EXPIRED')
      assert.equal((await gate.send(token)).code, 'AEGIS_TOKEN_EXPIRED')
      assert.deepEqual([gate.count('cached'), gate.count('expired')], [1, 2])
    }
  })

  it('is not served past its greatest age', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], maxTokenAgeSeconds: 60 })
    const token = await sign(gate.ports)
    await enter(gate, token)
    gate.ports.clock.advance(65_000)
    assert.equal((await gate.send(token)).status, 401)
  })

  it('is not served before its begin when the clock goes back', async () => {
    const gate = await openGate()
    const token = await sign(gate.ports)
    await enter(gate, token)
    gate.ports.clock.jumpWall(-3_600_000)
    assert.equal((await gate.send(token)).status, 401)
    assert.equal(gate.count('not_yet_valid'), 1)
    gate.ports.clock.jumpWall(3_600_000)
    assert.equal((await gate.send(token)).status, 200)
  })

  it('is not served once the keys of its issuer changed, and those of other issuers are', async () => {
    const document = createTestDocument(JSON.stringify({ keys: [oct(secret, 'a')] }))
    const issuers = [
      { issuer, algorithms: ['HS256'], jwksFile: 'k' },
      hmacIssuer({ issuer: 'https://two.test' }),
    ]
    const gate = await openGate({ issuers }, { documents: { open: () => document } })
    const options = { algorithm: 'HS256', secret, keyId: 'a' } as const
    const token = await signToken({ ...options, claims: goodClaims(gate.ports) })
    const other = await sign(gate.ports, { iss: 'https://two.test' })
    for (const one of [token, other]) assert.equal((await gate.send(one)).status, 200)
    assert.equal(enter(gate, token), undefined)

    document.put(JSON.stringify({ keys: [oct('another secret that is also long enough', 'b')] }))
    await new Promise(setImmediate)
    assert.equal(enter(gate, other), undefined)
    assert.equal((await gate.send(token)).status, 401)
    assert.equal(gate.count('unknown_key'), 1)
  })

  it('is not kept when the keys changed while it was verified', async () => {
    const document = createTestDocument(JSON.stringify({ keys: [oct(secret, 'a')] }))
    const issuers = [{ issuer, algorithms: ['HS256'], jwksFile: 'k' }]
    const gate = await openGate({ issuers }, { documents: { open: () => document } })
    const token = await signToken({ algorithm: 'HS256', secret, keyId: 'a', claims: goodClaims(gate.ports) })
    const passing = enter(gate, token)
    document.put(JSON.stringify({ keys: [oct('another secret that is also long enough', 'b')] }))
    await passing
    await new Promise(setImmediate)
    assert.equal((await gate.send(token)).status, 401)
  })

  it('is known by all of it: nothing that only looks alike is served', async () => {
    const gate = await openGate()
    const token = await sign(gate.ports)
    await enter(gate, token)
    const near = [
      token.slice(0, -1),
      `${token}A`,
      `${token} `,
      ` ${token}x`,
      `x${token}`,
      token.toLowerCase(),
      token.replace('.', '..'),
    ]
    for (const one of near.filter((one) => one.trim() !== token)) {
      assert.equal((await gate.send(one)).status, 401, one)
    }
  })

  it('is verified once for many requests at the same time', async () => {
    const { gate, signIt } = await openGateOfKeyPair()
    const token = await signIt()
    const pending = Array.from({ length: 50 }, () => enter(gate, token))
    assert.ok(pending.every((one) => one instanceof Promise))
    assert.deepEqual(new Set(await Promise.all(pending)), new Set([undefined]))
    const [head, payload] = token.split('.')
    const bad = `${head}.${payload}.${Buffer.alloc(64, 1).toString('base64url')}`
    const refused = await Promise.all(Array.from({ length: 50 }, () => enter(gate, bad)))
    assert.equal(gate.count('bad_signature'), 50)
    assert.equal(new Set(refused).size, 1)
  })

  it('is dropped when newer ones fill the cache', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], cache: { maxEntries: 3 } })
    const tokens = await Promise.all([1, 2, 3, 4].map((sub) => sign(gate.ports, { sub })))
    for (const token of tokens) await enter(gate, token)
    assert.equal(await verifiedBy(gate, () => enter(gate, tokens[3] as string)), 0)
    assert.equal(await verifiedBy(gate, () => enter(gate, tokens[0] as string)), 1)
  })

  it('is dropped when the cache holds too much text', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], cache: { maxBytes: 65_536 } })
    const pad = 'x'.repeat(5000)
    const tokens = await Promise.all([1, 2, 3].map((sub) => sign(gate.ports, { sub, pad })))
    for (const token of tokens) assert.equal((await gate.send(token)).status, 200)
    assert.equal(await verifiedBy(gate, () => enter(gate, tokens[2] as string)), 0)
    assert.equal(await verifiedBy(gate, () => enter(gate, tokens[0] as string)), 1)
  })

  it('is verified every time without a cache', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], cache: { maxEntries: 0 } })
    const token = await sign(gate.ports)
    for (let i = 0; i < 2; i++) assert.equal(await verifiedBy(gate, () => enter(gate, token)), 1)
    assert.equal(gate.count('cached'), 0)
  })
})

describe('a refused token', () => {
  it('is never kept', async () => {
    const gate = await openGate()
    const bad = signRaw({ alg: 'HS256' }, goodClaims(gate.ports), 'wrong')
    for (let i = 0; i < 3; i++) {
      assert.equal((await enter(gate, bad))?.status, 401)
      assert.equal(gate.count('bad_signature'), i + 1)
    }
    const expired = await sign(gate.ports, { exp: 1 })
    for (let i = 0; i < 2; i++) assert.ok((await gate.send(expired)).code === 'AEGIS_TOKEN_EXPIRED')
    assert.deepEqual([gate.count('cached'), gate.count('expired')], [0, 2])
  })
})
