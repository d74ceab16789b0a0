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
  assert.deepEqual(open({ limits }).plugin.onControl?.('inspect', {}), {
    instance: 'test',
    limits: [
      { name: 'per-tenant', key: 'per-tenant|tenant=...', algorithm: 'fixed-window' },
      { name: 'per-user', key: 'per-user|tenant=...|user=...', algorithm: 'fixed-window' },
    ],
  })
})

test('inspect tells the state of a counter by its text and by its parts, and takes nothing', () => {
  const { plugin } = open({ limits })
  countPassed(plugin, 5, view)
  const expected = {
    instance: 'test',
    key: 'per-user|tenant=acme|user=42',
    limit: {
      name: 'per-user',
      algorithm: 'fixed-window',
      limit: 2,
      windowMs: 60_000,
      burst: 0,
      cost: 1,
      shape: false,
    },
    state: { allowed: false, remaining: 0, resetMs: 60_000, retryAfterMs: 60_000, delayMs: 0 },
  }
  for (const key of ['per-user|tenant=acme|user=42', { name: 'per-user', tenant: 'acme', user: '42' }]) {
    assert.deepEqual(plugin.onControl?.('inspect', { key }), expected)
  }
})

test('inspect uses the numbers of the tenant, and of the plan if that is said', () => {
  const { plugin } = open({ limits })
  ask(plugin, view())
  const remaining = (args: Record<string, unknown>) => control(plugin, 'inspect', args).state?.remaining
  assert.equal(remaining({ key: 'per-tenant|tenant=acme' }), 99)
  assert.equal(remaining({ key: 'per-tenant|tenant=acme', plan: 'pro' }), 499)
  assert.equal(remaining({ key: 'per-tenant|tenant=vip', plan: 'pro' }), 900)
})

test('reset frees that counter at once and no other', () => {
  const { plugin } = open({ limits })
  assert.equal(countPassed(plugin, 5, view), 2)
  const key = 'per-user|tenant=acme|user=42'
  assert.deepEqual(plugin.onControl?.('reset', { key: 'per-user|tenant=globex|user=42' }), {
    instance: 'test',
    key: 'per-user|tenant=globex|user=42',
    reset: true,
  })
  assert.equal(countPassed(plugin, 5, view), 0)
  assert.deepEqual(plugin.onControl?.('reset', { key }), { instance: 'test', key, reset: true })
  assert.equal(countPassed(plugin, 5, view), 2)
  const { state } = control(plugin, 'inspect', { key: 'per-tenant|tenant=acme' })
  assert.equal(state?.remaining, 96)
})

test('a key that is none is answered with what is wrong', () => {
  const { plugin } = open({ limits })
  const error = (args: Record<string, unknown>) => control(plugin, 'reset', args).error ?? ''
  assert.match(
    error({ key: 'per-minute|tenant=acme' }),
    /no limit is named "per-minute"; there is per-tenant, per-user/,
  )
  assert.match(error({ key: 'per-tenant' }), /a part is missing; the form is per-tenant\|tenant=\.\.\./)
  assert.match(error({ key: 'per-tenant|user=1' }), /no part user/)
  assert.match(error({}), /give the key as a text/)
  assert.match(error({ key: { tenant: 'acme' } }), /give the key as a text/)
  assert.throws(() => plugin.onControl?.('purge', {}), /"inspect" and "reset", not "purge"/)
})
