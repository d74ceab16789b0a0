// What a token that opened a WebSocket or an event stream is asked for again while that is open.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { waitUntil } from '../../support/gateway.ts'
import { createTestDocument } from '../../support/ports.ts'
import { createRoute, createTenant, type TestView } from '../../support/view.ts'
import { type Gate, hmacIssuer, issuer, openGate, secret, sign } from './gate.ts'

/** Something that `token` opened, and what another look at it says. */
async function open(gate: Gate, token: string, over: Partial<TestView> = {}) {
  const { status, view } = await gate.send(token, over)
  assert.equal(status, 200)
  const recheck = async (by = gate) => (await by.plugin.onRecheck?.(view))?.code
  return { view, recheck }
}

const keeping = createRoute({ longLived: { onExpiry: 'keep', idleMs: 0, maxMs: 0 } })

describe('what a token opened', () => {
  it('goes on while the token is good, and counts no verification', async () => {
    const gate = await openGate()
    const { recheck } = await open(gate, await sign(gate.ports))
    assert.equal(await recheck(), undefined)
    assert.deepEqual([gate.count('ok'), gate.count('cached')], [1, 0])
  })

  it('is not asked for by a promise where nothing changed', async () => {
    const gate = await openGate()
    const { view } = await open(gate, await sign(gate.ports))
    assert.equal(gate.plugin.onRecheck?.(view), undefined)
  })

  it('ends when the token expires, tolerance included', async () => {
    const gate = await openGate({ issuers: [hmacIssuer()], clockToleranceSeconds: 5 })
    const { recheck } = await open(gate, await sign(gate.ports))
    gate.ports.clock.advance(604_000)
    assert.equal(await recheck(), undefined)
    gate.ports.clock.advance(1_000)
    assert.equal(await recheck(), 'AEGIS_TOKEN_EXPIRED')
  })

  it('outlives the token where the route says so, but no revocation', async () => {
    let revoked = false
    const gate = await openGate(undefined, { revocations: { isRevoked: () => revoked } })
    const { recheck } = await open(gate, await sign(gate.ports), { route: keeping })
    gate.ports.clock.advance(1_000_000)
    assert.equal(await recheck(), undefined)
    revoked = true
    assert.equal(await recheck(), 'AEGIS_TOKEN_REVOKED')
  })

  it('ends when the token is revoked', async () => {
    let revoked = false
    const gate = await openGate(undefined, { revocations: { isRevoked: () => revoked } })
    const { recheck } = await open(gate, await sign(gate.ports))
    revoked = true
    assert.equal(await recheck(), 'AEGIS_TOKEN_REVOKED')
  })

  it('ends when the Host belongs to another tenant by now', async () => {
    const gate = await openGate()
    const { view, recheck } = await open(gate, await sign(gate.ports, { tenant_id: 'acme' }), {
      hostTenant: createTenant('acme'),
    })
    Object.assign(view, { hostTenant: createTenant('globex') })
    assert.equal(await recheck(), 'AEGIS_TENANT_MISMATCH')
  })

  it('ends when the keys of now did not sign it, and goes on when they did', async () => {
    const gate = await openGate()
    const { recheck } = await open(gate, await sign(gate.ports))
    const other = await openGate({ issuers: [hmacIssuer({ secret: `${secret} and more` })] }, { slot: 7 })
    assert.equal(await recheck(other), 'AEGIS_TOKEN_INVALID')
    const same = await openGate({ issuers: [hmacIssuer()], realm: 'another' }, { slot: 8 })
    assert.equal(await recheck(same), undefined)
  })

  it('ends when its key was withdrawn from the key set', async () => {
    const key = (kid: string) => ({
      kty: 'oct',
      kid,
      alg: 'HS256',
      k: Buffer.from(secret).toString('base64url'),
    })
    const document = createTestDocument(JSON.stringify({ keys: [key('a')] }))
    const written = { issuers: [{ issuer, algorithms: ['HS256'], jwksFile: 'keys.json' }] }
    const gate = await openGate(written, { documents: { open: () => document } })
    const { recheck } = await open(gate, await sign(gate.ports))
    document.put(
      JSON.stringify({ keys: [{ ...key('a'), k: Buffer.from('x'.repeat(40)).toString('base64url') }] }),
    )
    // The new set is read in its own time.
    await waitUntil(async () => (await recheck()) === 'AEGIS_TOKEN_INVALID')
  })

  it('on a route that became public is nobody’s', async () => {
    const gate = await openGate()
    const { view, recheck } = await open(gate, await sign(gate.ports))
    Object.assign(view, { route: createRoute({ auth: 'none' }) })
    gate.ports.clock.advance(1_000_000)
    assert.equal(await recheck(), undefined)
  })

  it('without one ends when its route asks for a caller from now on', async () => {
    const gate = await openGate()
    const view = (await gate.send('', { requestHeaders: {}, route: createRoute({ auth: 'none' }) })).view
    assert.equal(await gate.plugin.onRecheck?.(view), undefined)
    Object.assign(view, { route: createRoute() })
    assert.equal((await gate.plugin.onRecheck?.(view))?.code, 'AEGIS_TOKEN_MISSING')
  })
})
