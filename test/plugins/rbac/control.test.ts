import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Caller, createRequest, createStage, type Stage } from './setup.ts'

const callers: Caller[] = [
  { tenant: 'acme', user: 'u1', roles: ['member'] },
  { tenant: 'acme', user: 'u2', roles: ['manager'] },
  { tenant: 'beta', user: 'u1', roles: [] },
  { tenant: null, user: 'u1', roles: ['guest'] },
]

async function createFilled(): Promise<Stage> {
  const stage = createStage({ roles: { member: {}, manager: { inherits: ['member'] } } })
  stage.respond = () => ({ allowed: true, permissions: ['orders:read'], ttl: 60 })
  for (const caller of callers) assert.equal(await stage.status(createRequest(caller)), 200)
  return stage
}

/** Which callers must be asked about again. */
function forgotten(stage: Stage): number[] {
  return callers.flatMap((caller, i) => (stage.status(createRequest(caller)) instanceof Promise ? [i] : []))
}

describe('purge', () => {
  const cases: [Record<string, unknown>, number[]][] = [
    [{}, [0, 1, 2, 3]],
    [{ tenant: undefined, user: null }, [0, 1, 2, 3]],
    [{ tenant: 'acme' }, [0, 1]],
    [{ tenant: 'beta' }, [2]],
    [{ user: 'u1' }, [0, 2, 3]],
    [{ tenant: 'acme', user: 'u1' }, [0]],
    [{ role: 'manager' }, [1]],
    [{ role: 'member' }, [0, 1]],
    [{ role: 'guest' }, [3]],
    [{ tenant: 'beta', role: 'member' }, []],
    [{ tenant: 'nobody' }, []],
    [{ tenant: '' }, []],
  ]
  for (const [scope, expected] of cases) {
    test(`of ${JSON.stringify(scope)} drops exactly what is meant`, async () => {
      const stage = await createFilled()
      assert.equal(await stage.purge(scope), expected.length * 2, 'decision and permissions of each')
      assert.deepEqual(forgotten(stage), expected)
    })
  }

  test('keeps out an answer that was asked for before it', async () => {
    const stage = createStage()
    const before = stage.status(createRequest())
    await stage.purge({ tenant: 'acme' })
    await stage.asked[0]?.answer({ allowed: true, permissions: ['*'], ttl: 60 })
    assert.equal(await before, 200, 'who asked before may have the old answer')
    assert.equal(stage.inspect().size, 0)
    assert.ok(stage.status(createRequest()) instanceof Promise)
    assert.equal(stage.asked.length, 2)
  })

  test('lets nobody who comes after it wait for an old answer', async () => {
    const stage = createStage()
    const before = stage.status(createRequest())
    await stage.purge({})
    const after = stage.status(createRequest())
    assert.equal(stage.asked.length, 2)
    await stage.asked[1]?.answer({ allowed: false })
    await stage.asked[0]?.answer({ allowed: true, permissions: ['*'], ttl: 60 })
    assert.deepEqual(await Promise.all([before, after]), [200, 403])
    assert.equal(stage.status(createRequest()), 403)
  })

  test('does not let an old flight that ends take the new one away', async () => {
    const stage = createStage()
    void stage.status(createRequest())
    await stage.purge({})
    void stage.status(createRequest())
    await stage.asked[0]?.answer({ allowed: true })
    void stage.status(createRequest())
    assert.equal(stage.asked.length, 2, 'the third joins the second')
  })

  test('forgets failures, so that a repaired upstream is asked at once', async () => {
    const stage = createStage({ failureTtlMs: 60_000 })
    const status = stage.status(createRequest())
    await stage.asked[0]?.fail()
    assert.equal(await status, 503)
    await stage.purge({})
    void stage.status(createRequest())
    assert.equal(stage.asked.length, 2)
  })

  test('refuses a scope that it cannot read instead of purging something else', async () => {
    const stage = await createFilled()
    for (const scope of [{ tenant: 1 }, { user: ['u1'] }, { role: {} }]) {
      await assert.rejects(stage.purge(scope), /must be a string/)
    }
    assert.deepEqual(forgotten(stage), [])
  })
})

describe('inspect', () => {
  test('shows what is known, within a limit', async () => {
    const stage = await createFilled()
    stage.ports.clock.advance(10_000)
    assert.equal(stage.inspect().size, 8)
    assert.equal(stage.inspect().entries.length, 8)
    assert.equal(stage.inspect({ limit: 3 }).entries.length, 3)
    const { entries } = stage.inspect({ tenant: 'beta' })
    assert.deepEqual(
      entries.toSorted((a) => (a.resource === null ? 1 : -1)),
      [
        {
          tenant: 'beta',
          user: 'u1',
          roles: [],
          resource: 'items',
          action: 'read',
          allowed: true,
          permissions: [],
          ageSeconds: 10,
          ttlSeconds: 50,
          expired: false,
        },
        {
          tenant: 'beta',
          user: 'u1',
          roles: [],
          resource: null,
          action: null,
          allowed: true,
          permissions: ['orders:read'],
          ageSeconds: 10,
          ttlSeconds: 50,
          expired: false,
        },
      ],
    )
    assert.deepEqual(structuredClone(stage.inspect()), stage.inspect())
  })
})

test('another operation is refused by name', () => {
  assert.throws(() => createStage().plugin.onControl?.('drop', {}), /"drop"/)
})
