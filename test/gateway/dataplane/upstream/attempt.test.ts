import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../../../gateway/dataplane/upstream/attempt.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { createTenant, createView } from '../../../support/view.ts'
import { createBench, createUpstream } from './fixture.ts'

const caller = createView({ tenant: createTenant('acme') })

function createOne() {
  const bench = createBench(createUpstream([1, 1], { balancer: 'ewma' }))
  return { ...bench, endpoint: bench.cluster.endpoints[0] as Endpoint }
}

test('an answer counts from the start of its try to its head, however long its body takes', () => {
  const { cluster, clock, endpoint } = createOne()
  const attempt = cluster.begin(endpoint, caller)
  clock.advance(30)
  attempt.answered()
  assert.equal(endpoint.latencyMs, 30)
  clock.advance(60_000)
  attempt.ended('ok')
  assert.equal(endpoint.latencyMs, 30)
})

test('a failure counts as a second at least: who refuses fast is not fast', () => {
  for (const outcome of ['connect-failure', 'reset', 'status-error', 'timeout'] satisfies Outcome[]) {
    const { cluster, clock, endpoint } = createOne()
    const attempt = cluster.begin(endpoint, caller)
    clock.advance(2)
    attempt.ended(outcome)
    assert.equal(endpoint.latencyMs, 1_000, outcome)
  }
})

test('a client that leaves says that the answer took at least so long, and nothing good', () => {
  const { cluster, clock, endpoint } = createOne()
  cluster.begin(endpoint, caller).ended('ok')
  const known = endpoint.latencyMs
  cluster.begin(endpoint, caller).ended('cancelled')
  assert.equal(endpoint.latencyMs, known)
  const hanging = cluster.begin(endpoint, caller)
  clock.advance(700)
  hanging.ended('cancelled')
  assert.equal(endpoint.latencyMs, 700)
})

test('a try ends once, whoever says so how often', () => {
  const { cluster, endpoint } = createOne()
  const [one, other] = [cluster.begin(endpoint, caller), cluster.begin(endpoint, caller)]
  one.ended('ok')
  one.ended('ok')
  assert.equal(endpoint.inFlight, 1)
  other.ended('reset')
  assert.equal(endpoint.inFlight, 0)
})

test('a request waits while all places of the upstream are taken, and goes when a try ends', async () => {
  const breaker = { maxConnections: 1, maxPending: 1, maxPerTenant: 0, errorPercent: 0 }
  const { cluster } = createBench(createUpstream([1, 1], { breaker }))
  assert.equal(cluster.enter(caller), 'ok')
  const attempt = cluster.begin(cluster.endpoints[0] as Endpoint, caller)
  assert.equal(cluster.enter(caller), 'busy', 'the bound holds for all targets together')
  const heard: string[] = []
  const waiting = (name: string) => ({
    tenantId: 'acme',
    go: () => void heard.push(`${name} goes`),
    refuse: () => void heard.push(`${name} is refused`),
  })
  cluster.wait(waiting('first'))
  cluster.wait(waiting('second'))
  assert.deepEqual(heard, ['second is refused'])
  attempt.ended('ok')
  await Promise.resolve()
  assert.deepEqual(heard, ['second is refused', 'first goes'])
})

test('a reload keeps who is under way and who waits', async () => {
  const breaker = { maxConnections: 1, maxPending: 5, maxPerTenant: 0, errorPercent: 0 }
  const before = createBench(createUpstream([1], { breaker }))
  const attempt = before.cluster.begin(before.cluster.endpoints[0] as Endpoint, caller)
  const heard: string[] = []
  before.cluster.wait({ tenantId: 'acme', go: () => void heard.push('goes'), refuse() {} })
  const after = createBench(createUpstream([1], { breaker }), 1, before)
  assert.equal(after.cluster.enter(caller), 'busy')
  attempt.ended('ok')
  await Promise.resolve()
  assert.deepEqual(heard, ['goes'])
})
