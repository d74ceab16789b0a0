// Modes, tenants, exclusions, reports: what the plugin makes of what the rules say.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Verdict as HookVerdict } from '../../../gateway/contract/plugin.ts'
import { createRoute, createTenant, type TestView } from '../../support/view.ts'
import { type GivenConfig, problemsOf } from './setup.ts'
import { answered, emptyRules, make, posted, run, viewOf } from './views.ts'

describe('the mode', () => {
  for (const [mode, status, decision] of [
    ['block', 403, 'block'],
    ['detect', undefined, 'detect'],
    ['off', undefined, null],
  ] as const) {
    it(`${mode} answers ${status ?? 'nothing'} and counts ${decision ?? 'nothing'}`, async () => {
      const waf = await make({ mode })
      const view = viewOf({ query: 'q=evil' })
      const verdict = await run(waf, view)
      waf.plugin.onLog?.(view)
      assert.equal(verdict?.status, status)
      const counted = [...waf.ports.recorded.keys()].filter((key) =>
        key.startsWith('aegis_waf_requests_total'),
      )
      assert.deepEqual(counted, decision === null ? [] : [`aegis_waf_requests_total{${decision},live}`])
      assert.equal(waf.ports.recorded.get(`aegis_waf_matches_total{1,${decision}}`) ?? null, decision && 1)
    })
  }

  it('can be another one for a tenant, by host or by fact', async () => {
    const waf = await make({ mode: 'block', tenants: { acme: { mode: 'detect' }, off: { mode: 'off' } } })
    const of = (over: Partial<TestView>) => run(waf, viewOf({ query: 'q=evil', ...over }))
    assert.equal((await of({}))?.status, 403)
    assert.equal((await of({ tenant: createTenant('globex') }))?.status, 403)
    assert.equal(await of({ tenant: createTenant('acme') }), undefined)
    assert.equal(await of({ hostTenant: createTenant('acme') }), undefined)
    assert.equal(await of({ hostTenant: createTenant('off') }), undefined)
    assert.equal(
      (await of({ hostTenant: createTenant('acme'), tenant: createTenant('globex') }))?.status,
      403,
    )
  })
})

describe('the path', () => {
  const rules = [
    `SecRule REQUEST_FILENAME "@beginsWith /admin/" "id:1,phase:1,deny,status:403,log"`,
    `SecRule REQUEST_BASENAME "@streq secret" "id:2,phase:1,deny,status:403,log"`,
    `SecRule REQUEST_URI "@contains /../" "id:3,phase:1,deny,status:406,log"`,
  ]
  const statusOf = async (path: string, rawTarget: string, rule: number) =>
    (await run(await make({ setup: [rules[rule] as string] }), viewOf({ path, rawTarget })))?.status

  it('that rules go by is the canonical one', async () => {
    assert.equal(await statusOf('/admin/x', '/%61dmin/x', 0), 403)
    assert.equal(await statusOf('/admin/x', '/open/../admin/x', 0), 403)
    assert.equal(await statusOf('/open/x', '/admin/../open/x', 0), undefined)
    assert.equal(await statusOf('/a/secret', '/a/secret/b/..', 1), 403)
  })

  it('stands in REQUEST_URI as the client wrote it', async () => {
    assert.equal(await statusOf('/open/x', '/admin/../open/x', 2), 406)
    assert.equal(await statusOf('/open/x', '/open/x', 2), undefined)
  })
})

describe('a refusal', () => {
  it('says nothing of the rules', async () => {
    const verdict = await run(await make(), viewOf({ query: 'q=evil' }))
    assert.deepEqual(verdict, {
      status: 403,
      code: 'AEGIS_WAF_BLOCKED',
      detail: 'The request was refused.',
      headers: [],
      body: undefined,
    })
  })

  it('has the status that the rule names', async () => {
    const verdict = await run(await make(), viewOf({ rawHeaders: ['Host', 'a', 'X-Evil', '1'] }))
    assert.equal(verdict?.status, 400)
    assert.equal(verdict?.code, 'AEGIS_WAF_BLOCKED')
  })

  it('is a redirect where the rule says so', async () => {
    const verdict = await run(await make(), viewOf({ query: 'q=away' }))
    assert.equal(verdict?.status, 302)
    assert.deepEqual(verdict?.headers, ['location', 'https://example.com/'])
  })

  it('comes before a body is read when the head is enough', async () => {
    const view = posted('text/plain', '', { rawHeaders: ['Host', 'a', 'X-Evil', '1'] })
    const { plugin } = await make()
    assert.equal((plugin.onRequest?.(view) as HookVerdict)?.status, 400)
    assert.equal(view.inspectUpTo, 0)
  })
})

describe('levels', () => {
  const levelTwo = async (over: GivenConfig, tenant?: string) => {
    const waf = await make(over)
    const view = viewOf({ tenant: tenant === undefined ? null : createTenant(tenant) })
    await run(waf, view)
    waf.plugin.onLog?.(view)
    return waf.ports.recorded.has('aegis_waf_matches_total{4,allow}')
  }
  it('are what the rules say until the config says something', async () => {
    assert.equal(await levelTwo({}), false)
    assert.equal(await levelTwo({ paranoiaLevel: 2 }), true)
  })
  it('can be others for a tenant', async () => {
    const tenants = { acme: { paranoiaLevel: 3 }, globex: { paranoiaLevel: 1 } }
    assert.equal(await levelTwo({ tenants }, 'acme'), true)
    assert.equal(await levelTwo({ tenants }, 'globex'), false)
    assert.equal(await levelTwo({ tenants, paranoiaLevel: 2 }, 'globex'), false)
    assert.equal(await levelTwo({ tenants, paranoiaLevel: 2 }, 'other'), true)
  })
})

describe('thresholds', () => {
  const byScore = `
SecAction "id:21,phase:1,pass,nolog,setvar:tx.in=5,setvar:tx.out=4"
SecRule TX:IN "@ge %{tx.inbound_anomaly_score_threshold}" "id:22,phase:2,deny,status:403"
SecRule TX:OUT "@ge %{tx.outbound_anomaly_score_threshold}" "id:23,phase:3,deny,status:502"
`
  const high = { inboundThreshold: 6, outboundThreshold: 5 }
  const statuses = async (over: GivenConfig, tenant?: string) => {
    const waf = await make({ setup: [byScore], ...over })
    const view = viewOf({ tenant: tenant === undefined ? null : createTenant(tenant) })
    return [(await run(waf, view))?.status, (await answered(waf, view))?.status]
  }
  it('are those of the config', async () => {
    assert.deepEqual(await statuses(high), [undefined, undefined])
    assert.equal((await statuses({ ...high, inboundThreshold: 5 }))[0], 403)
    assert.equal((await statuses({ ...high, outboundThreshold: 4 }))[1], 502)
  })
  it('can be others for a tenant', async () => {
    const tenants = { acme: { inboundThreshold: 5 }, globex: { outboundThreshold: 4 } }
    assert.equal((await statuses({ ...high, tenants }, 'acme'))[0], 403)
    assert.deepEqual(await statuses({ ...high, tenants }, 'globex'), [undefined, 502])
    assert.deepEqual(await statuses({ ...high, tenants }, 'other'), [undefined, undefined])
  })
})

describe('exclusions', () => {
  const status = async (exclusions: object[], over: Partial<TestView> = {}) =>
    (await run(await make({ exclusions }), viewOf({ query: 'q=evil', ...over })))?.status
  it('leave out a rule by number, by range or by tag', async () => {
    assert.equal(await status([{ ruleIds: [1] }]), undefined)
    assert.equal(await status([{ ruleIds: ['1-2'] }]), undefined)
    assert.equal(await status([{ tags: ['^a$'] }]), undefined)
    assert.equal(await status([{ ruleIds: [3] }]), 403)
  })
  it('leave out a target', async () => {
    assert.equal(await status([{ ruleIds: [1], targets: ['ARGS:q'] }]), undefined)
    assert.equal(await status([{ ruleIds: [1], targets: ['ARGS:p'] }]), 403)
    assert.equal(await status([{ targets: ['ARGS'] }]), undefined)
  })
  it('hold on their routes and for their tenants alone', async () => {
    const narrow = [{ ruleIds: [1], targets: ['ARGS:q'], routes: ['search'], tenants: ['acme'] }]
    const search = { route: createRoute({ id: 'search' }) }
    assert.equal(await status(narrow, { ...search, tenant: createTenant('acme') }), undefined)
    assert.equal(await status(narrow, search), 403)
    assert.equal(await status(narrow, { tenant: createTenant('acme') }), 403)
    assert.equal(await status(narrow, { ...search, tenant: createTenant('globex') }), 403)
  })
  it('that would leave out everything, or that name nothing, are refused', () => {
    const at = (exclusion: object) => problemsOf({ rules: [emptyRules], exclusions: [exclusion] })
    assert.match(at({ routes: ['search'] })[0]?.message ?? '', /leaves out every rule/)
    assert.equal(at({ ruleIds: [1], targets: ['NOTHING:x'] })[0]?.pointer, '/exclusions/0')
  })
})

describe('reports', () => {
  async function logged(over: GivenConfig, query = 'q=evil') {
    const waf = await make(over)
    const view = viewOf({
      query,
      tenant: createTenant('acme'),
      rawHeaders: ['Host', 'a', 'Cookie', 'sid=hunter2'],
    })
    await run(waf, view)
    waf.plugin.onLog?.(view)
    return waf.ports.logged
  }

  it('name the rules and where they matched, not what', async () => {
    const [event, ...more] = await logged({})
    assert.deepEqual(more, [])
    assert.equal(event?.level, 'warn')
    const { event: name, decision, tenant, route, rules: told, cause } = event?.fields ?? {}
    assert.deepEqual(
      { name, decision, tenant, route, cause },
      { name: 'waf', decision: 'block', tenant: 'acme', route: 'items', cause: 'rule' },
    )
    assert.deepEqual(told, [{ id: 1, message: 'evil argument', variable: 'ARGS:q' }])
  })

  it('show what matched when the config says so', async () => {
    const [event] = await logged({ logData: true })
    assert.deepEqual(event?.fields.rules, [
      { id: 1, message: 'evil argument', variable: 'ARGS:q', value: 'evil', data: 'evil' },
    ])
  })

  it('are not made of what passes', async () => {
    assert.deepEqual(await logged({}, 'q=good'), [])
    assert.deepEqual(await logged({}, 'q=odd'), [])
  })

  it('hold audit records by option, without what the client sent', async () => {
    const records = async (over: GivenConfig, query?: string) =>
      (await logged(over, query)).filter(({ fields }) => fields.event === 'waf-audit')
    assert.deepEqual(await records({}), [])
    assert.equal((await records({ audit: 'relevant' }, 'q=good')).length, 0)
    assert.equal((await records({ audit: 'all' }, 'q=good')).length, 1)
    const [record] = await records({ audit: 'relevant', auditParts: 'ABHZ' })
    assert.doesNotMatch(JSON.stringify(record), /hunter2|=evil|"evil"/)
    const [full] = await records({ audit: 'relevant', auditParts: 'ABHZ', logData: true })
    assert.match(JSON.stringify(full), /hunter2/)
  })
})

describe('a dry run', () => {
  it('reports what other rules would do, and refuses nothing', async () => {
    const other = `SecRule ARGS "@contains good" "id:11,phase:2,deny,status:403,log,msg:'too good'"`
    const waf = await make({ dryRun: { rules: [emptyRules], setup: [other] } })
    for (const [query, status] of [
      ['q=good', undefined],
      ['q=evil', 403],
    ] as const) {
      const view = viewOf({ query })
      assert.equal((await run(waf, view))?.status, status)
      waf.plugin.onLog?.(view)
    }
    assert.equal(waf.ports.recorded.get('aegis_waf_matches_total{11,dry-run}'), 1)
    assert.equal(waf.ports.recorded.get('aegis_waf_requests_total{detect,dry-run}'), 1)
    assert.equal(waf.ports.recorded.get('aegis_waf_requests_total{allow,live}'), 1)
    const [event] = waf.ports.logged
    assert.equal(event?.fields.dry_run, true)
  })
})

describe('the budget', () => {
  /** Every look at the clock finds that a second has passed. */
  async function slow(over: GivenConfig) {
    const waf = await make({ budgetMs: 1, ...over })
    let now = 0
    Object.assign(waf.ports.clock, { monotonicMs: () => (now += 1_000) })
    const view = viewOf({ query: Array.from({ length: 400 }, (_, i) => `a${i}=${'x'.repeat(40)}`).join('&') })
    const verdict = await run(waf, view)
    waf.plugin.onLog?.(view)
    return { waf, verdict }
  }

  it('ends a request by default, and is counted', async () => {
    const { waf, verdict } = await slow({})
    assert.equal(verdict?.status, 403)
    assert.equal(verdict?.code, 'AEGIS_WAF_BLOCKED')
    assert.equal(waf.ports.recorded.get('aegis_waf_budget_exceeded_total{block}'), 1)
    assert.equal(waf.ports.logged[0]?.fields.cause, 'budget')
  })

  it('lets the rest of the rules go when the config says so', async () => {
    const { waf, verdict } = await slow({ onBudget: 'detect' })
    assert.equal(verdict, undefined)
    assert.equal(waf.ports.recorded.get('aegis_waf_budget_exceeded_total{detect}'), 1)
    assert.equal(waf.ports.recorded.get('aegis_waf_requests_total{detect,live}'), 1)
  })
})
