import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Capacity, FairLine, type Waiting } from '../../../../gateway/dataplane/upstream/fair-line.ts'
import { createRandom } from './fixture.ts'

interface Request extends Waiting {
  state: 'waiting' | 'active' | 'refused' | 'done' | 'gone'
  atMs: number
}

/** Callers of the line are called in a microtask. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class Bench {
  readonly line = new FairLine(() => {
    this.refusals += 1
  })
  refusals = 0
  readonly capacity: Capacity
  readonly requests: Request[] = []

  constructor(capacity: Partial<Capacity>) {
    this.capacity = { maxConnections: 2, maxPending: 4, maxPerTenant: 0, ...capacity }
  }

  arrive(tenantId: string, atMs = 0): Request {
    const request: Request = {
      tenantId,
      atMs,
      state: 'waiting',
      go: () => this.#begin(request),
      refuse: () => {
        request.state = 'refused'
      },
    }
    this.requests.push(request)
    if (this.line.hasPlace(tenantId, this.capacity)) this.#begin(request)
    else this.line.join(request, this.capacity)
    return request
  }

  finish(request: Request): void {
    request.state = 'done'
    this.line.ended(request.tenantId, this.capacity)
  }

  count(state: Request['state'], tenantId?: string): number {
    return this.requests.filter((one) => one.state === state && (tenantId ?? one.tenantId) === one.tenantId)
      .length
  }

  #begin(request: Request): void {
    request.state = 'active'
    this.line.began(request.tenantId)
  }
}

describe('the line before an upstream', () => {
  test('lets as many go as there are places, makes others wait, and calls them as places come free', async () => {
    const bench = new Bench({})
    const [a, b, c, d] = ['t', 't', 't', 't'].map((tenant) => bench.arrive(tenant)) as Request[]
    assert.deepEqual([a?.state, b?.state, c?.state, d?.state], ['active', 'active', 'waiting', 'waiting'])
    bench.finish(a as Request)
    await settle()
    assert.deepEqual([c?.state, d?.state], ['active', 'waiting'])
  })

  test('a place that comes free goes to the tenant that has least under way', async () => {
    const bench = new Bench({ maxConnections: 3 })
    const first = [bench.arrive('noisy'), bench.arrive('noisy'), bench.arrive('quiet')]
    const waiting = [bench.arrive('noisy'), bench.arrive('quiet'), bench.arrive('third')]
    bench.finish(first[0] as Request)
    await settle()
    assert.equal(waiting[2]?.state, 'active')
    bench.finish(first[1] as Request)
    await settle()
    assert.equal(waiting[0]?.state, 'active', 'none of its own is under way now')
  })

  test('who just freed a place does not get it back before the others are called', async () => {
    const bench = new Bench({ maxConnections: 1 })
    const first = bench.arrive('noisy')
    const waiting = bench.arrive('quiet')
    bench.finish(first)
    const late = bench.arrive('noisy')
    assert.equal(late.state, 'waiting')
    await settle()
    assert.deepEqual([waiting.state, late.state], ['active', 'waiting'])
  })

  test('when no more can wait, the newest of the tenant with most is refused, be it the one that comes', async () => {
    const bench = new Bench({ maxConnections: 1, maxPending: 3 })
    const noisy = Array.from({ length: 5 }, () => bench.arrive('noisy'))
    assert.deepEqual(
      noisy.map((one) => one.state),
      ['active', 'waiting', 'waiting', 'waiting', 'refused'],
    )
    const quiet = bench.arrive('quiet')
    assert.equal(quiet.state, 'waiting')
    assert.equal(noisy[3]?.state, 'refused')
    assert.equal(bench.arrive('noisy').state, 'refused')
  })

  test('two tenants that have the same never push each other out', () => {
    const bench = new Bench({ maxConnections: 2, maxPending: 4 })
    for (let i = 0; i < 3; i++) for (const tenant of ['a', 'b']) bench.arrive(tenant)
    for (let i = 0; i < 50; i++)
      for (const tenant of ['a', 'b']) assert.equal(bench.arrive(tenant).state, 'refused')
    assert.deepEqual([bench.count('waiting', 'a'), bench.count('waiting', 'b')], [2, 2])
  })

  test('nobody waits where nobody may', () => {
    const bench = new Bench({ maxConnections: 1, maxPending: 0 })
    bench.arrive('a')
    assert.equal(bench.arrive('b').state, 'refused')
  })

  test('a tenant never has more under way than maxPerTenant, also when there are places', async () => {
    const bench = new Bench({ maxConnections: 10, maxPending: 10, maxPerTenant: 3 })
    const noisy = Array.from({ length: 6 }, () => bench.arrive('noisy'))
    assert.equal(bench.count('active', 'noisy'), 3)
    assert.equal(bench.arrive('quiet').state, 'active', 'places are left for others, at once')
    bench.finish(noisy[0] as Request)
    await settle()
    assert.equal(bench.count('active', 'noisy'), 3)
  })

  test('who leaves is not called, and makes room', async () => {
    const bench = new Bench({ maxConnections: 1, maxPending: 1 })
    const first = bench.arrive('a')
    const gone = bench.arrive('a')
    bench.line.leave(gone)
    gone.state = 'gone'
    const next = bench.arrive('a')
    assert.equal(next.state, 'waiting')
    bench.line.leave(gone)
    bench.finish(first)
    await settle()
    assert.deepEqual([gone.state, next.state], ['gone', 'active'])
  })

  test('keeps its bounds, leaves no place empty, and ends empty, whatever comes', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = createRandom(seed)
      const pick = (bound: number) => Math.floor(random() * bound)
      const capacity = { maxConnections: 1 + pick(5), maxPending: pick(8), maxPerTenant: pick(3) }
      const bench = new Bench(capacity)
      for (let step = 0; step < 300; step++) {
        const active = bench.requests.filter((one) => one.state === 'active')
        const waiting = bench.requests.filter((one) => one.state === 'waiting')
        if (random() < 0.6) bench.arrive(`t${pick(4)}`)
        else if (active.length > 0) bench.finish(active[pick(active.length)] as Request)
        else if (waiting.length > 0) {
          const gone = waiting[pick(waiting.length)] as Request
          gone.state = 'gone'
          bench.line.leave(gone)
        }
        await Promise.resolve()
        checkBounds(bench, capacity)
      }
      while (bench.line.active > 0) {
        for (const one of bench.requests) if (one.state === 'active') bench.finish(one)
        await settle()
      }
      assert.equal(bench.count('waiting'), 0)
      assert.equal(bench.line.waiting, 0)
    }
  })

  /** Arrivals of ten tenants, one of them with fifty times the load of each other one, in virtual time. */
  test('with one tenant at 50 times the load of nine others, every request of the nine is served, and soon', async () => {
    const serviceMs = 20
    const bench = new Bench({ maxConnections: 10, maxPending: 20 })
    const waits: number[] = []
    const ends: { atMs: number; one: Request }[] = []
    const known = new Set<Request>()
    for (let nowMs = 0; nowMs < 10_000; nowMs++) {
      for (const end of ends.filter(({ atMs }) => atMs <= nowMs)) {
        ends.splice(ends.indexOf(end), 1)
        bench.finish(end.one)
      }
      // 500 requests in a second can be served; each of the nine asks for 20, the noisy one for 1,000.
      bench.arrive('noisy', nowMs)
      if (nowMs % 50 < 9) bench.arrive(`quiet-${nowMs % 50}`, nowMs)
      await Promise.resolve()
      for (const one of bench.requests) {
        if (one.state !== 'active' || known.has(one)) continue
        known.add(one)
        ends.push({ atMs: nowMs + serviceMs, one })
        if (one.tenantId !== 'noisy') waits.push(nowMs - one.atMs)
      }
    }
    const quiet = bench.requests.filter((one) => one.tenantId !== 'noisy')
    assert.equal(quiet.length, 1_800)
    assert.equal(quiet.filter((one) => one.state === 'refused').length, 0)
    assert.ok(Math.max(...waits) <= serviceMs, `waited ${Math.max(...waits)} ms`)
    const served = bench.count('done')
    assert.ok(served > 4_950, `all that can be served is: ${served}`)
  })
})

function checkBounds(bench: Bench, capacity: Capacity): void {
  const active = bench.count('active')
  const waiting = bench.requests.filter((one) => one.state === 'waiting')
  assert.equal(bench.line.active, active)
  assert.equal(bench.refusals, bench.count('refused'))
  assert.ok(active <= capacity.maxConnections)
  assert.ok(bench.line.waiting <= capacity.maxPending)
  const mayRun = waiting.filter(
    ({ tenantId }) => capacity.maxPerTenant === 0 || bench.count('active', tenantId) < capacity.maxPerTenant,
  )
  if (active < capacity.maxConnections) assert.equal(mayRun.length, 0, 'a place is free and somebody waits')
}
