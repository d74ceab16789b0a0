import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, test } from 'node:test'
import { type Question, toKeys } from '../../../plugins/rbac/question.ts'
import { createTenant, createView } from '../../support/view.ts'
import { createIdentity, createRequest, createStage } from './setup.ts'

/** Pieces that look like the borders of a key, so that a key without real borders meets another one soon. */
const pieces = [
  '',
  '-',
  ':',
  '0:',
  '1:',
  '1:a',
  '2:',
  'a',
  'b',
  '|',
  '/',
  '\u0000',
  '*',
  'é',
  '\u{1f600}',
  '\ud800',
  '\udc00',
  'null',
  ',',
  '"',
]

function text(): string {
  return Array.from({ length: randomInt(4) }, () => pieces[randomInt(pieces.length)]).join('')
}

function randomQuestion(): Question {
  return {
    tenant: randomInt(4) === 0 ? null : text(),
    user: text(),
    authority: text(),
    roles: Array.from({ length: randomInt(3) }, text),
    resource: text(),
    action: text(),
  }
}

/** What makes two questions the same, said in another way than the keys do. */
function identityOf({ roles, ...rest }: Question, whole: boolean): string {
  const { tenant, user, authority, resource, action } = rest
  const subject = [tenant, user, authority, [...new Set(roles)].sort()]
  return JSON.stringify(whole ? [...subject, resource, action] : subject)
}

describe('keys of decisions', () => {
  test('are equal only for equal questions', () => {
    const meanings = new Map<string, string>()
    for (let i = 0; i < 40_000; i++) {
      const question = randomQuestion()
      const { subject, decision } = toKeys(question)
      for (const [key, meaning] of [
        [decision, `decision ${identityOf(question, true)}`],
        [subject, `subject ${identityOf(question, false)}`],
      ] as const) {
        const before = meanings.get(key)
        if (before !== undefined) assert.equal(meaning, before, JSON.stringify(key))
        meanings.set(key, meaning)
      }
    }
  })

  test('stay apart where text could move over a border', () => {
    const one: Question = { tenant: 'a', user: 'b', authority: 'c', roles: ['d'], resource: 'e', action: 'f' }
    const likely: Partial<Question>[] = [
      {},
      { tenant: 'a1:b', user: '' },
      { tenant: '', user: 'a1:b' },
      { tenant: null },
      { tenant: '-' },
      { tenant: '' },
      { tenant: 'null' },
      { tenant: 'ab', user: '' },
      { user: 'b1:c', authority: '' },
      { roles: [] },
      { roles: [''] },
      { roles: ['', 'd'] },
      { roles: ['d1:e'] },
      { roles: ['d', 'e'] },
      { roles: ['d,e'] },
      { resource: 'e1:f', action: '' },
      { resource: '', action: 'ef' },
      { resource: 'ef', action: '' },
    ]
    const keys = likely.map((over) => toKeys({ ...one, ...over }).decision)
    assert.equal(new Set(keys).size, likely.length)
  })
})

describe('two tenants', () => {
  test('never share an answer, whatever their ids, users and roles look like', async () => {
    const stage = createStage({ ttlSeconds: 60, negativeTtlSeconds: 60 })
    // The upstream says yes to exactly one kind of caller and hands out everything to it.
    const isLucky = (tenant: unknown, user: unknown, roles: unknown) =>
      JSON.stringify([tenant, user, roles]).length % 3 === 0
    stage.respond = ({ tenant_id, user_id, roles }) =>
      isLucky(tenant_id, user_id, roles)
        ? { allowed: true, permissions: ['*'], ttl: 60 }
        : { allowed: false, permissions: [], ttl: 60 }
    let fromCache = 0
    for (let i = 0; i < 4_000; i++) {
      const tenant = randomInt(4) === 0 ? null : text()
      const user = text()
      const roles = randomInt(2) === 0 ? [] : [text()]
      const resource = ['a', 'b', 'a:b'][randomInt(3)] ?? ''
      const status = stage.status(createRequest({ tenant, user, roles, resource }))
      if (typeof status === 'number') fromCache += 1
      const expected = isLucky(tenant, user, roles) ? 200 : 403
      assert.equal(await status, expected, JSON.stringify([tenant, user, roles]))
    }
    assert.ok(fromCache > 500, `${fromCache} answers came from the cache`)
  })

  test('are kept apart by the verified tenant, not by what a header or Host says', async () => {
    const stage = createStage()
    stage.respond = ({ tenant_id }) => ({ allowed: tenant_id === 'acme', permissions: ['*'], ttl: 60 })
    const acme = createRequest({ tenant: 'acme' })
    assert.equal(await stage.status(acme), 200)
    const beta = createRequest({ tenant: 'beta' })
    beta.requestHeaders = { 'x-tenant-id': 'acme', host: 'acme.example.com' }
    Object.assign(beta, { host: 'acme.example.com' })
    assert.equal(await stage.status(beta), 403)
    assert.equal(stage.asked[1]?.body.tenant_id, 'beta')
  })

  test('are kept apart by the token where no tenant plugin runs, and by the Host where the token names none', async () => {
    const stage = createStage()
    stage.respond = () => ({ allowed: true, permissions: ['*'], ttl: 60 })
    const route = createRequest().route
    const by = (tenantId: string | null, host: string | null) =>
      stage.status(
        createView({
          route,
          identity: createIdentity({ tenantId }),
          hostTenant: host === null ? null : createTenant(host),
        }),
      )
    assert.equal(await by('acme', 'acme'), 200)
    assert.equal(await by('beta', 'beta'), 200)
    assert.equal(await by(null, 'acme'), 200)
    assert.equal(await by(null, 'beta'), 200)
    assert.equal(await by(null, null), 200)
    assert.deepEqual(
      stage.asked.map((one) => one.body.tenant_id),
      ['acme', 'beta', null, null, null],
    )
    assert.equal(stage.asked.length, 5)
  })

  test('asking at once never get each other’s answer', async () => {
    const stage = createStage()
    const tenants = Array.from({ length: 50 }, (_, i) => `t${i}`)
    const waiting = tenants.map((tenant) => stage.status(createRequest({ tenant })))
    for (const one of stage.asked.toReversed()) {
      await one.answer({ allowed: Number(String(one.body.tenant_id).slice(1)) % 2 === 0, ttl: 60 })
    }
    const expected = tenants.map((_, i) => (i % 2 === 0 ? 200 : 403))
    assert.deepEqual(await Promise.all(waiting), expected)
    assert.deepEqual(
      tenants.map((tenant) => stage.status(createRequest({ tenant }))),
      expected,
    )
  })
})
