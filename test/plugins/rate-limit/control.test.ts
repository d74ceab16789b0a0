import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTenant, createView } from '../../support/view.ts'
import { ask, control, countPassed, createIdentity, open } from './setup.ts'

const limits = [
  {
    name: 'per-tenant',
    algorithm: 'fixed-window',
    key: ['tenant'],
    limit: 100,
    plans: { pro: { limit: 500 } },
    tenants: { vip: { limit: 900 } },
  },
  { name: 'per-user', algorithm: 'fixed-window', key: ['user'], limit: 2 },
]
const view = () => createView({ tenant: createTenant('acme'), identity: createIdentity('42') })

test('inspect without a key lists the limits and the form of their keys', () => {
  assert.deepEqual(control(open({ limits }).plugin, 'inspect', {}), {
    entries: [
      { instance: 'test', name: 'per-tenant', key: 'per-tenant|tenant=...', algorithm: 'fixed-window' },
      { instance: 'test', name: 'per-user', key: 'per-user|tenant=...|user=...', algorithm: 'fixed-window' },
    ],
  })
})

test('inspect tells the state of a counter by its text and by its parts, and takes nothing', () => {
  const { plugin } = open({ limits })
  countPassed(plugin, 5, view)
  const entry = {
    instance: 'test',
    name: 'per-user',
    key: 'per-user|tenant=acme|user=42',
    algorithm: 'fixed-window',
    limit: 2,
    windowMs: 60_000,
    burst: 0,
    cost: 1,
    shape: false,
    allowed: false,
    remaining: 0,
    resetMs: 60_000,
    retryAfterMs: 60_000,
    delayMs: 0,
  }
  for (const key of [entry.key, { name: 'per-user', tenant: 'acme', user: '42' }]) {
    assert.deepEqual(control(plugin, 'inspect', { key }), { entries: [entry] })
  }
})

test('inspect uses the numbers of the tenant, and of the plan if that is said', () => {
  const { plugin } = open({ limits })
  ask(plugin, view())
  const remaining = (args: Record<string, unknown>) => control(plugin, 'inspect', args).entries[0]?.remaining
  assert.equal(remaining({ key: 'per-tenant|tenant=acme' }), 99)
  assert.equal(remaining({ key: 'per-tenant|tenant=acme', plan: 'pro' }), 499)
  assert.equal(remaining({ key: 'per-tenant|tenant=vip', plan: 'pro' }), 900)
})

test('reset frees that counter at once and no other', () => {
  const { plugin } = open({ limits })
  assert.equal(countPassed(plugin, 5, view), 2)
  const reset = (key: string) => control(plugin, 'reset', { key })
  assert.equal(reset('per-user|tenant=globex|user=42').reset, 1)
  assert.equal(countPassed(plugin, 5, view), 0)
  const key = 'per-user|tenant=acme|user=42'
  assert.deepEqual(reset(key), { entries: [{ instance: 'test', name: 'per-user', key }], reset: 1 })
  assert.equal(countPassed(plugin, 5, view), 2)
  const { entries } = control(plugin, 'inspect', { key: 'per-tenant|tenant=acme' })
  assert.equal(entries[0]?.remaining, 96)
})

test('a key that is none resets nothing and is answered with what is wrong', () => {
  const { plugin } = open({ limits })
  const cases: [args: Record<string, unknown>, error: RegExp][] = [
    [{ key: 'per-minute|tenant=acme' }, /no limit is named "per-minute"; there is per-tenant, per-user/],
    [{ key: 'per-tenant' }, /a part is missing; the form is per-tenant\|tenant=\.\.\./],
    [{ key: 'per-tenant|user=1' }, /no part user/],
    [{}, /give the key as a text/],
    [{ key: { tenant: 'acme' } }, /give the key as a text/],
  ]
  for (const [args, error] of cases) {
    const answer = control(plugin, 'reset', args)
    assert.deepEqual([answer.entries, answer.reset], [[], 0])
    assert.match(answer.error ?? '', error)
  }
  assert.match(control(plugin, 'inspect', { key: 'nothing' }).error ?? '', /no limit is named/)
  assert.throws(() => control(plugin, 'purge', {}), /"inspect" and "reset", not "purge"/)
})
