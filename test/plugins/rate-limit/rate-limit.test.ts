import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CounterStore } from '../../../gateway/contract/ports.ts'
import { createTenant, createView } from '../../support/view.ts'
import { ask, control, countPassed, createIdentity, headersOf, open } from './setup.ts'

const perIp = { name: 'per-ip', algorithm: 'fixed-window', key: ['ip'], limit: 3, windowMs: 60_000 }
const of = (ip: string) => createView({ clientIp: ip })
const user = (tenant: string | null, id: string, claims = {}) =>
  createView({
    tenant: tenant === null ? null : createTenant(tenant),
    identity: createIdentity(id, { claims }),
  })

describe('each algorithm', () => {
  for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket']) {
    test(`${algorithm} lets exactly its limit through`, () => {
      const { plugin } = open({ limits: [{ ...perIp, algorithm, limit: 25 }] })
      assert.equal(countPassed(plugin, 80), 25)
    })
  }

  test('with no limits given, ten pass at once and then a hundred a minute, per user', () => {
    const { plugin, clock } = open({})
    assert.equal(
      countPassed(plugin, 30, () => user('acme', '1')),
      10,
    )
    assert.equal(
      countPassed(plugin, 30, () => user('acme', '2')),
      10,
    )
    clock.advance(600)
    assert.equal(
      countPassed(plugin, 30, () => user('acme', '1')),
      1,
    )
  })
})

describe('a refusal', () => {
  test('says how long to wait, in whole seconds rounded up, and which limits there are', () => {
    const { plugin, clock } = open({ limits: [perIp] })
    countPassed(plugin, 3)
    clock.advance(30_500)
    const reply = ask(plugin)
    assert.equal(reply?.status, 429)
    assert.equal(reply?.code, 'AEGIS_RATE_LIMITED')
    assert.equal(reply?.detail, 'The rate limit "per-ip" is used up. Try again in 30 seconds.')
    assert.deepEqual(headersOf(reply), {
      'retry-after': '30',
      'ratelimit-policy': '"per-ip";q=3;w=60',
      ratelimit: '"per-ip";r=0;t=30',
    })
    clock.advance(29_500)
    assert.equal(ask(plugin), undefined)
  })

  test('never says to wait for no time at all', () => {
    const { plugin } = open({ limits: [{ ...perIp, windowMs: 5 }] })
    countPassed(plugin, 3)
    assert.equal(headersOf(ask(plugin))['retry-after'], '1')
  })

  test('has the status that the operator chose', () => {
    const { plugin } = open({ limits: [perIp], status: 503 })
    countPassed(plugin, 3)
    assert.equal(ask(plugin)?.status, 503)
  })

  test('waits for the slowest of several refusing limits', () => {
    const { plugin } = open({ limits: [perIp, { ...perIp, name: 'per-hour', windowMs: 3_600_000 }] })
    countPassed(plugin, 3)
    const headers = headersOf(ask(plugin))
    assert.equal(headers['retry-after'], '3600')
    assert.equal(headers.ratelimit, '"per-ip";r=0;t=60, "per-hour";r=0;t=3600')
  })
})

describe('header fields of a response', () => {
  test('carry the state of every limit, and win over those of the upstream', () => {
    const bucket = { name: 'bucket', key: ['tenant'], limit: 100, windowMs: 60_000, burst: 10 }
    const { plugin } = open({ limits: [perIp, bucket] })
    const view = createView({ responseHeaders: [['ratelimit', '"theirs";r=999']] })
    assert.equal(ask(plugin, view), undefined)
    plugin.onResponse?.(view)
    assert.deepEqual(view.responseHeaders, [
      ['RateLimit-Policy', '"per-ip";q=3;w=60, "bucket";q=100;w=60;aegis-burst=10'],
      ['RateLimit', '"per-ip";r=2;t=60, "bucket";r=9;t=1'],
    ])
  })

  test('leave the window out where it is no whole number of seconds', () => {
    const { plugin } = open({ limits: [{ ...perIp, windowMs: 1_500 }] })
    const view = createView()
    ask(plugin, view)
    plugin.onResponse?.(view)
    assert.equal(view.responseHeader('ratelimit-policy'), '"per-ip";q=3')
  })

  test('in the old style speak of the limit that is nearest to its end', () => {
    const wide = { ...perIp, name: 'wide', limit: 50 }
    const { plugin } = open({ limits: [wide, perIp], headers: { rateLimit: false, legacy: true } })
    const view = createView()
    ask(plugin, view)
    plugin.onResponse?.(view)
    const [limit, remaining, reset] = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']
    assert.deepEqual(view.responseHeaders, [
      [limit, '3'],
      [remaining, '2'],
      [reset, '60'],
    ])
    countPassed(plugin, 2)
    assert.deepEqual(ask(plugin)?.headers, ['Retry-After', '60', limit, '3', remaining, '0', reset, '60'])
  })

  test('are absent when turned off, and on responses of requests that never reached the limiter', () => {
    const { plugin } = open({ limits: [perIp], headers: { rateLimit: false } })
    const view = createView()
    ask(plugin, view)
    plugin.onResponse?.(view)
    assert.deepEqual(view.responseHeaders, [])
    const unasked = createView()
    open({}).plugin.onResponse?.(unasked)
    assert.deepEqual(unasked.responseHeaders, [])
  })
})

describe('counters', () => {
  test('of user 1 of two tenants are two, and of the same user of one tenant one', () => {
    const { plugin } = open({ limits: [{ ...perIp, key: ['user'] }] })
    assert.equal(
      countPassed(plugin, 5, () => user('acme', '1')),
      3,
    )
    assert.equal(
      countPassed(plugin, 5, () => user('globex', '1')),
      3,
    )
    assert.equal(
      countPassed(plugin, 5, () => user('acme', '1')),
      0,
    )
  })

  test('cannot be had anew by leaving a part out or by walking through one IPv6 network', () => {
    const { plugin } = open({ limits: [{ ...perIp, key: ['header:x-app'] }] })
    assert.equal(countPassed(plugin, 5), 3)
    const six = open({ limits: [perIp] }).plugin
    assert.equal(
      countPassed(six, 9, (i) => of(`2001:db8::${i + 1}`)),
      3,
    )
    assert.equal(ask(six, of('2001:db8:0:1::1')), undefined)
  })

  test('survive a reload, also one that changes the limit', () => {
    const { plugin, reload } = open({ limits: [perIp] })
    countPassed(plugin, 2)
    assert.equal(countPassed(reload({ limits: [perIp] }), 9), 1)
    assert.equal(countPassed(reload({ limits: [{ ...perIp, limit: 5 }] }), 9), 2)
  })

  test('take the cost that is configured', () => {
    const { plugin } = open({ limits: [{ ...perIp, limit: 10, cost: 4 }] })
    assert.equal(countPassed(plugin, 9), 2)
  })
})

test('several limits are taken all or none', () => {
  const tenantWide = { ...perIp, name: 'per-tenant', key: ['tenant'], limit: 5 }
  const { plugin } = open({ limits: [tenantWide, { ...perIp, key: ['user'], limit: 2 }] })
  assert.equal(
    countPassed(plugin, 9, () => user('acme', '1')),
    2,
  )
  assert.equal(
    countPassed(plugin, 9, () => user('acme', '2')),
    2,
  )
  assert.equal(
    countPassed(plugin, 9, () => user('acme', '3')),
    1,
  )
  assert.equal(
    countPassed(plugin, 9, () => user('globex', '1')),
    2,
  )
})

describe('the numbers', () => {
  const limit = {
    ...perIp,
    key: ['user'],
    plans: { pro: { limit: 6 } },
    tenants: { vip: { limit: 8 } },
    claim: 'quota',
  }
  const passed = (view: ReturnType<typeof user>) =>
    countPassed(open({ limits: [limit] }).plugin, 30, () => view)
  const pro = (id: string) => createTenant(id, { plan: 'pro' })
  const identity = createIdentity('1')

  test("are the limit's own, the plan's, the tenant's, in this order", () => {
    assert.equal(passed(user('acme', '1')), 3)
    assert.equal(passed(createView({ tenant: pro('acme'), identity })), 6)
    assert.equal(passed(createView({ hostTenant: pro('acme'), identity })), 6)
    const bound = createIdentity('1', { tenantId: 'acme' })
    assert.equal(passed(createView({ tenants: [pro('acme')], identity: bound })), 6)
    assert.equal(passed(createView({ tenant: pro('vip'), identity })), 8)
  })

  test("are above all the token's, if it holds a whole number", () => {
    const cases: [claim: unknown, passed: number][] = [
      [12, 12],
      ['12', 12],
      [0, 0],
      [-1, 3],
      [1.5, 3],
      ['1e3', 3],
      [Number.NaN, 3],
      [null, 3],
      [{}, 3],
    ]
    for (const [claim, expected] of cases)
      assert.equal(passed(user('acme', '1', { quota: claim })), expected, `${claim}`)
    assert.equal(
      passed(createView({ tenant: pro('vip'), identity: createIdentity('1', { claims: { quota: 1 } }) })),
      1,
    )
  })

  test('of a claim are told to the client', () => {
    const { plugin } = open({ limits: [limit] })
    const view = user('acme', '1', { quota: 12 })
    ask(plugin, view)
    plugin.onResponse?.(view)
    assert.equal(view.responseHeader('ratelimit-policy'), '"per-ip";q=12;w=60')
  })
})

describe('dry run', () => {
  test('of the plugin refuses nothing, shows nothing and counts what it would have refused', () => {
    const { plugin, ports } = open({ limits: [perIp], dryRun: true })
    const view = createView()
    assert.equal(
      countPassed(plugin, 5, () => view),
      5,
    )
    plugin.onResponse?.(view)
    assert.deepEqual(view.responseHeaders, [])
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{per-ip,allowed}'), 3)
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{per-ip,dry_run_denied}'), 2)
  })

  test('of one limit leaves the others in force and their counts alone', () => {
    const tried = { ...perIp, name: 'tried', limit: 1, dryRun: true }
    const { plugin, ports } = open({ limits: [tried, perIp] })
    const view = createView()
    assert.equal(ask(plugin, view), undefined)
    plugin.onResponse?.(view)
    assert.equal(view.responseHeader('ratelimit'), '"per-ip";r=2;t=60')
    assert.equal(countPassed(plugin, 5), 2)
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{tried,dry_run_denied}'), 2)
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{per-ip,denied}'), 3)
  })

  test('of a shaper delays nothing', () => {
    const shaper = { ...perIp, algorithm: 'leaky-bucket', shape: true, dryRun: true }
    assert.equal(countPassed(open({ limits: [shaper] }).plugin, 9), 9)
  })
})

describe('a shaper', () => {
  const shaper = {
    name: 's',
    algorithm: 'leaky-bucket',
    key: ['ip'],
    limit: 10,
    windowMs: 1_000,
    burst: 3,
    shape: true,
  }

  test('lets requests go one by one and refuses past its queue', async () => {
    const { plugin, clock, ports } = open({ limits: [shaper] })
    const went: number[] = []
    const start = clock.monotonicMs()
    const asked = [0, 1, 2, 3, 4].map(() => plugin.onRequest?.(createView()))
    assert.deepEqual(
      asked.map((verdict) => verdict instanceof Promise),
      [false, true, true, false, false],
    )
    const waiting = asked.slice(1, 3).map(async (verdict) => {
      assert.equal(await verdict, undefined)
      went.push(clock.monotonicMs() - start)
    })
    clock.advance(100)
    await waiting[0]
    clock.advance(100)
    await waiting[1]
    assert.deepEqual(went, [100, 200])
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{s,delayed}'), 2)
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{s,denied}'), 2)
  })

  test('stops waiting when the client leaves, and holds no timer', async () => {
    const { plugin, ports } = open({ limits: [shaper] })
    ask(plugin)
    let cancelled = 0
    const after = ports.clock.after
    Object.assign(ports.clock, {
      after: (delayMs: number, callback: () => void) => {
        const cancel = after(delayMs, callback)
        return () => {
          cancelled += 1
          cancel()
        }
      },
    })
    const view = createView()
    const verdict = plugin.onRequest?.(view)
    view.abort()
    const reply = await verdict
    assert.equal(reply?.status, 499)
    assert.equal(cancelled, 1)
  })
})

test('a store that answers by a promise decides the same', async () => {
  const local = open({ limits: [perIp] })
  const counters: CounterStore = {
    take: async (checks) => local.ports.counters.take(checks),
    peek: async (check) => local.ports.counters.peek(check),
    reset: async (check) => local.ports.counters.reset(check),
  }
  const { plugin } = open({ limits: [perIp, { ...perIp, name: 'tried', dryRun: true }] }, { counters })
  const verdicts = await Promise.all([1, 2, 3, 4].map(() => plugin.onRequest?.(createView())))
  assert.deepEqual(
    verdicts.map((reply) => reply?.status),
    [undefined, undefined, undefined, 429],
  )
  const key = 'per-ip|ip=203.0.113.7'
  const inspected = await control(plugin, 'inspect', { key })
  assert.deepEqual([inspected.entries[0]?.allowed, inspected.entries[0]?.retryAfterMs], [false, 60_000])
  assert.equal((await control(plugin, 'reset', { key })).reset, 1)
  assert.equal(await plugin.onRequest?.(createView()), undefined)
})
