import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Value from 'typebox/value'
import rateLimit, { rateLimit as named } from '../../../plugins/rate-limit/index.ts'
import { open, parse, problemsOf } from './setup.ts'

test('the definition has both exports and says what failures mean', () => {
  assert.equal(named, rateLimit)
  assert.equal(rateLimit.name, 'rate-limit')
  assert.equal(rateLimit.onFailure, 'deny')
})

test('an empty config is 100 a minute, burst 10, per user', () => {
  assert.deepEqual(parse({}).limits, [
    {
      name: 'default',
      algorithm: 'token-bucket',
      key: ['user'],
      limit: 100,
      windowMs: 60_000,
      burst: 10,
      cost: 1,
      shape: false,
      dryRun: false,
      plans: {},
      tenants: {},
    },
  ])
  assert.deepEqual(problemsOf({}), [])
})

test('two configs do not share their default limits', () => {
  assert.notEqual(parse({}).limits, parse({}).limits)
})

describe('the schema refuses', () => {
  const one = (over: object) => ({ limits: [{ name: 'n', limit: 1, ...over }] })
  const cases: [what: string, config: Record<string, unknown>][] = [
    ['no limits', { limits: [] }],
    ['an unknown setting', { store: 'local', burst: 1 }],
    ['an unknown setting of a limit', one({ per: 'user' })],
    ['a store that is not there', { store: 'memcached' }],
    ['a limit of zero', one({ limit: 0 })],
    ['a limit that is no whole number', one({ limit: 1.5 })],
    ['a negative burst', one({ burst: -1 })],
    ['an unknown key part', one({ key: ['session'] })],
    ['a key part twice', one({ key: ['ip', 'ip'] })],
    ['a header name that no header can have', one({ key: ['header:a b'] })],
    ['a name that would need escaping in a header', one({ name: 'a"b' })],
    ['an unknown algorithm', one({ algorithm: 'gcra' })],
    ['an unknown number for a plan', one({ plans: { pro: { rate: 1 } } })],
  ]
  for (const [what, config] of cases) {
    test(what, () => {
      assert.equal(Value.Check(rateLimit.schema, Value.Default(rateLimit.schema, config)), false)
    })
  }
})

describe('the store redis', () => {
  test('is refused where gateway.json names no Redis, and left alone where that cannot be told', () => {
    const config = parse({ store: 'redis' })
    assert.match(rateLimit.check?.(config, { redis: false })[0]?.message ?? '', /gateway.json/)
    assert.deepEqual(rateLimit.check?.(config, { redis: true }), [])
    assert.deepEqual(rateLimit.check?.(config), [])
  })

  test('is refused by a process that is not connected to one', () => {
    assert.throws(() => open({ store: 'redis' }), /restart/)
  })

  test('alone can be synced', () => {
    assert.equal(problemsOf({ syncMs: 100 })[0]?.pointer, '/syncMs')
    assert.deepEqual(problemsOf({ store: 'redis', syncMs: 100 }), [])
  })
})

describe('the check refuses', () => {
  const leaky = { name: 'n', algorithm: 'leaky-bucket', limit: 10, windowMs: 1_000 }
  const cases: [what: string, limit: Record<string, unknown>, pointer: string, message: RegExp][] = [
    [
      'a cost above the limit',
      { name: 'n', limit: 5, cost: 6 },
      '/limits/0/cost',
      /lower cost or raise limit/,
    ],
    [
      'a cost above the burst',
      { name: 'n', limit: 50, burst: 5, cost: 6 },
      '/limits/0/cost',
      /lower cost or raise burst/,
    ],
    [
      'a plan whose limit is below the cost',
      { name: 'n', limit: 50, cost: 6, plans: { 'a/b': { limit: 5 } } },
      '/limits/0/plans/a~1b',
      /costs 6/,
    ],
    [
      'a tenant whose cost is above the limit',
      { name: 'n', limit: 5, tenants: { t: { cost: 6 } } },
      '/limits/0/tenants/t',
      /costs 6/,
    ],
    [
      'shape with another algorithm',
      { name: 'n', limit: 5, shape: true },
      '/limits/0/shape',
      /only "leaky-bucket"/,
    ],
    ['shape with a rate from a claim', { ...leaky, shape: true, claim: 'c' }, '/limits/0/claim', /no bound/],
    [
      'a wait of more than a minute',
      { ...leaky, shape: true, limit: 1, burst: 62 },
      '/limits/0/burst',
      /61 seconds/,
    ],
    [
      'such a wait for a tenant',
      { ...leaky, shape: true, burst: 10, tenants: { t: { windowMs: 100_000 } } },
      '/limits/0/tenants/t',
      /90 seconds/,
    ],
  ]
  for (const [what, limit, pointer, message] of cases) {
    test(what, () => {
      const [problem, ...more] = problemsOf({ limits: [limit] })
      assert.equal(problem?.pointer, pointer)
      assert.match(problem?.message ?? '', message)
      assert.deepEqual(more, [])
    })
  }

  test('two limits of one name', () => {
    const limit = { name: 'n', limit: 1 }
    assert.deepEqual(
      problemsOf({ limits: [limit, limit] }).map((problem) => problem.pointer),
      ['/limits/1/name'],
    )
  })
})
