// The worker's copy of the revocations.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RevocableToken } from '../../../gateway/contract/ports.ts'
import type { Revocation } from '../../../gateway/contract/protocol.ts'
import { createRevocationReplica } from '../../../gateway/dataplane/revocations.ts'

const token: RevocableToken = {
  tenantId: 'acme',
  userId: 'u1',
  tokenId: 'j1',
  sessionId: 's1',
  issuedAt: 100,
}

function entry(over: Partial<Revocation>): Revocation {
  return { id: 'r', kind: 'user', subject: 'u1', tenantId: null, notBefore: 100, expiresAt: 1e9, ...over }
}

describe('a revocation', () => {
  const cases: [string, Partial<Revocation>, Partial<RevocableToken>, boolean][] = [
    ['of the user, up to the second of issue', {}, {}, true],
    ['of the user, before the issue', { notBefore: 99 }, {}, false],
    ['of the user, after the issue', { notBefore: 101 }, {}, true],
    ['of the user, for a token without an issue time', { notBefore: 1 }, { issuedAt: 0 }, true],
    ['of another user', { subject: 'u2' }, {}, false],
    ['of the user in the tenant', { tenantId: 'acme' }, {}, true],
    ['of the user in another tenant', { tenantId: 'globex' }, {}, false],
    ['of the user in a tenant, for a token of none', { tenantId: 'acme' }, { tenantId: null }, false],
    ['of the user everywhere, for a token of no tenant', {}, { tenantId: null }, true],
    ['of the token, whenever it was issued', { kind: 'token', subject: 'j1', notBefore: 0 }, {}, true],
    ['of the token in another tenant', { kind: 'token', subject: 'j1', tenantId: 'globex' }, {}, false],
    ['of a token, for one without a name', { kind: 'token', subject: 'j1' }, { tokenId: null }, false],
    ['of the session', { kind: 'session', subject: 's1' }, {}, true],
    ['of an earlier time of the session', { kind: 'session', subject: 's1', notBefore: 99 }, {}, false],
    ['of a session whose name is that of the user', { kind: 'session', subject: 'u1' }, {}, false],
    ['of a user whose name is that of the token', { subject: 'j1' }, {}, false],
    ['of __proto__', { subject: '__proto__', tenantId: '__proto__' }, {}, false],
  ]
  for (const [name, revoked, over, expected] of cases) {
    it(`${name} ${expected ? 'voids' : 'does not touch'} the token`, () => {
      const replica = createRevocationReplica()
      replica.replace([entry(revoked)])
      assert.equal(replica.port.isRevoked({ ...token, ...over }), expected)
    })
  }

  it('in one tenant cannot be spelled so that it meets another', () => {
    const replica = createRevocationReplica()
    replica.replace([entry({ tenantId: 'a', subject: 'b:c' }), entry({ tenantId: 'a:b', subject: 'd' })])
    assert.equal(replica.port.isRevoked({ ...token, tenantId: 'a:b', userId: 'c' }), false)
    assert.equal(replica.port.isRevoked({ ...token, tenantId: 'a', userId: 'b:d' }), false)
    assert.equal(replica.port.isRevoked({ ...token, tenantId: 'a', userId: 'b:c' }), true)
  })

  it('counts with the latest time when there are several', () => {
    const replica = createRevocationReplica()
    replica.replace([entry({ notBefore: 150 }), entry({ notBefore: 50 })])
    assert.equal(replica.port.isRevoked(token), true)
  })

  it('ends with the list that lacks it', () => {
    const replica = createRevocationReplica()
    assert.equal(replica.port.isRevoked(token), false)
    replica.replace([entry({})])
    assert.equal(replica.port.isRevoked(token), true)
    replica.replace([])
    assert.equal(replica.port.isRevoked(token), false)
  })
})
