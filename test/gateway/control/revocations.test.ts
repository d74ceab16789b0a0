// The store of revocations: checked, bounded, and still there after a restart.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { GatewayError } from '../../../gateway/contract/errors.ts'
import type { Revocation } from '../../../gateway/contract/protocol.ts'
import { createRevocationStore } from '../../../gateway/control/revocations.ts'
import { createTestClock } from '../../support/clock.ts'

const root = mkdtempSync(join(tmpdir(), 'aegis-revocations-'))
after(() => rmSync(root, { recursive: true, force: true }))
const now = 1_700_000_000

type Entry = Omit<Revocation, 'id'>
const entry = (over: Partial<Entry> = {}): Entry => {
  return { kind: 'user', subject: 'u1', tenantId: 'acme', notBefore: now, expiresAt: now + 100, ...over }
}

function openStore(stateDir = mkdtempSync(join(root, 'state-')), limit = 100) {
  const clock = createTestClock(now * 1000)
  return { stateDir, clock, store: createRevocationStore({ stateDir, clock, limit }) }
}

describe('the store of revocations', () => {
  it('lists what was added, and after a restart too', async () => {
    const { store, stateDir } = openStore()
    const added = await store.add(entry())
    assert.match(added.id, /^[0-9a-f-]{36}$/)
    assert.deepEqual(store.list(), [{ ...entry(), id: added.id }])
    await store.stop()
    assert.deepEqual(openStore(stateDir).store.list(), store.list())
  })

  it('makes its folder, lets nobody else read its file, and leaves nothing else behind', async () => {
    const { store, stateDir } = openStore(join(root, 'deep', 'er'))
    await store.add(entry())
    assert.equal(statSync(join(stateDir, 'revocations.json')).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(stateDir), ['revocations.json'])
  })

  it('removes by id, and says when there is nothing to remove', async () => {
    const { store, stateDir } = openStore()
    const { id } = await store.add(entry())
    assert.equal(await store.remove('other'), false)
    assert.equal(await store.remove(id), true)
    assert.equal(await store.remove(id), false)
    assert.deepEqual([...store.list(), ...openStore(stateDir).store.list()], [])
  })

  it('forgets what has expired', async () => {
    const { store, clock, stateDir } = openStore()
    await store.add(entry())
    await store.add(entry({ subject: 'u2', expiresAt: now + 200 }))
    clock.advance(100_000)
    assert.deepEqual(
      store.list().map(({ subject }) => subject),
      ['u2'],
    )
    await store.add(entry({ subject: 'u3', expiresAt: now + 300 }))
    assert.doesNotMatch(readFileSync(join(stateDir, 'revocations.json'), 'utf8'), /u1/)
  })

  it('extends the entry of a subject that is revoked again, and never shortens it', async () => {
    const { store } = openStore()
    const first = await store.add(entry({ notBefore: now, expiresAt: now + 100 }))
    const second = await store.add(entry({ notBefore: now - 50, expiresAt: now + 500 }))
    assert.deepEqual(second, { ...first, notBefore: now, expiresAt: now + 500 })
    await store.add(entry({ tenantId: null }))
    await store.add(entry({ kind: 'session' }))
    assert.equal(store.list().length, 3)
  })

  it('takes no more than its limit, until some expire', async () => {
    const { store, clock } = openStore(undefined, 2)
    await store.add(entry({ subject: 'a' }))
    await store.add(entry({ subject: 'b' }))
    await assert.rejects(store.add(entry({ subject: 'c' })), (error) => {
      assert.ok(error instanceof GatewayError)
      assert.deepEqual([error.status, error.code], [507, 'AEGIS_REVOCATIONS_FULL'])
      assert.match(error.message, /2 revocations already/)
      return true
    })
    await store.add(entry({ subject: 'a', expiresAt: now + 500 }))
    clock.advance(100_000)
    await store.add(entry({ subject: 'c', expiresAt: now + 500 }))
    assert.deepEqual(
      store.list().map(({ subject }) => subject),
      ['a', 'c'],
    )
  })

  it('adds many at once without losing one', async () => {
    const { store, stateDir } = openStore()
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.add(entry({ subject: `u${i}` }))))
    assert.equal(store.list().length, 40)
    assert.equal(openStore(stateDir).store.list().length, 40)
  })

  const bad: [string, Record<string, unknown>][] = [
    ['kind', { kind: 'tenant' }],
    ['subject', { subject: '' }],
    ['subject', { subject: 'a\nb' }],
    ['subject', { subject: 7 }],
    ['subject', { subject: 'x'.repeat(1025) }],
    ['tenantId', { tenantId: '' }],
    ['tenantId', { tenantId: undefined }],
    ['notBefore', { notBefore: -1 }],
    ['notBefore', { notBefore: Number.NaN }],
    ['expiresAt', { expiresAt: Number.POSITIVE_INFINITY }],
    ['expiresAt', { expiresAt: now }],
  ]
  for (const [name, over] of bad) {
    it(`refuses ${JSON.stringify(over)} and names ${name}`, async () => {
      const { store } = openStore()
      await assert.rejects(store.add(entry(over as Partial<Entry>)), (error) => {
        assert.ok(error instanceof GatewayError)
        assert.equal(error.status, 400)
        assert.match(error.message, new RegExp(name))
        return true
      })
      assert.deepEqual(store.list(), [])
    })
  }

  it('does not start with a file that it cannot read, and says what to do', () => {
    for (const text of [
      '',
      '{',
      '[]',
      '{"entries":[{}]}',
      '{"entries":[{"kind":"user","subject":"u","tenantId":null,"notBefore":1,"expiresAt":2}]}',
    ]) {
      const stateDir = mkdtempSync(join(root, 'bad-'))
      writeFileSync(join(stateDir, 'revocations.json'), text)
      assert.throws(() => openStore(stateDir), /revocations\.json cannot be read.*move it away/)
    }
  })

  it('changes nothing when it cannot write', async () => {
    const { store, stateDir } = openStore()
    await store.add(entry())
    const blocked = `${join(stateDir, 'revocations.json')}.new`
    mkdirSync(join(blocked, 'x'), { recursive: true })
    await assert.rejects(store.add(entry({ subject: 'u2' })), {
      ...{ code: 'AEGIS_REVOCATIONS_UNWRITABLE', status: 503 },
      message: /cannot be written, so nothing was changed/,
    })
    assert.deepEqual(
      store.list().map(({ subject }) => subject),
      ['u1'],
    )
    rmSync(blocked, { recursive: true })
    await store.add(entry({ subject: 'u3' }))
    assert.deepEqual(
      store.list().map(({ subject }) => subject),
      ['u1', 'u3'],
    )
  })
})
