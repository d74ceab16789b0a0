import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSplit } from '../../../gateway/dataplane/split.ts'
import { createTenant, createView } from '../../support/view.ts'

const tenants = Array.from({ length: 10_000 }, (_, index) =>
  createView({ tenant: createTenant(`t${index}`) }),
)

function splitOf(weights: Readonly<Record<string, number>>, sticky: 'tenant' | 'user' | null = 'tenant') {
  const parts = Object.entries(weights).map(([name, weight]) => ({ name, weight, upstream: name }))
  return createSplit(parts, sticky, Math.random)
}

test('a sticky split sends all requests of a tenant to one upstream, and each upstream gets its share', () => {
  const split = splitOf({ v1: 90, v2: 10 })
  const first = tenants.map(split)
  assert.deepEqual(tenants.map(split), first)
  assert.ok(Math.abs(first.filter((name) => name === 'v2').length / tenants.length - 0.1) < 0.015)
})

test('every worker and every route with the same upstreams decides alike, in whatever order they are listed', () => {
  assert.deepEqual(tenants.map(splitOf({ v2: 10, v1: 90 })), tenants.map(splitOf({ v1: 90, v2: 10 })))
})

test('when more is given to the new version, nobody goes back to the old one', () => {
  const steps = [1, 10, 25, 50, 90].map((weight) => tenants.map(splitOf({ v1: 100 - weight, v2: weight })))
  for (let step = 1; step < steps.length; step++) {
    steps[step]?.forEach((name, index) => {
      if (steps[step - 1]?.[index] === 'v2') assert.equal(name, 'v2')
    })
  }
})

test('by user, two users of a tenant may differ, and users of two tenants are not one', () => {
  const split = splitOf({ v1: 1, v2: 1 }, 'user')
  const identity = { tenantId: null, roles: [], permissions: [], claims: {}, expiresAt: Infinity }
  const requestOf = (tenant: string, userId: string) =>
    createView({ tenant: createTenant(tenant), identity: { ...identity, userId } })
  const acme = Array.from({ length: 100 }, (_, index) => split(requestOf('acme', `u${index}`)))
  const globex = Array.from({ length: 100 }, (_, index) => split(requestOf('globex', `u${index}`)))
  assert.deepEqual(new Set(acme), new Set(['v1', 'v2']))
  assert.notDeepEqual(acme, globex)
})

test('a request without tenant or user goes by its address', () => {
  for (const sticky of ['tenant', 'user'] as const) {
    const split = splitOf({ v1: 1, v2: 1 }, sticky)
    const names = Array.from({ length: 100 }, (_, index) =>
      split(createView({ clientIp: `192.0.2.${index}` })),
    )
    assert.deepEqual(new Set(names), new Set(['v1', 'v2']))
    assert.equal(split(createView({ clientIp: '192.0.2.0' })), names[0])
  }
})

test('a split that is not sticky draws every request anew', () => {
  const split = splitOf({ v1: 1, v2: 1 }, null)
  assert.equal(
    new Set(Array.from({ length: 100 }, () => split(createView({ tenant: createTenant('acme') })))).size,
    2,
  )
})
