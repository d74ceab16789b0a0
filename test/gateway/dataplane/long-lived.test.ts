import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Verdict } from '../../../gateway/contract/plugin.ts'
import { deny } from '../../../gateway/contract/reply.ts'
import type { LongLivedConfig, RouteConfig, Tenant } from '../../../gateway/contract/snapshot.ts'
import { compileChain } from '../../../gateway/dataplane/chain.ts'
import type { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { type Lasting, LongLived } from '../../../gateway/dataplane/long-lived.ts'
import { conclude } from '../../../gateway/dataplane/pipeline.ts'
import { inPlaceOf, type Runtime } from '../../../gateway/dataplane/runtime.ts'
import { createTestClock } from '../../support/clock.ts'
import { createRoute, createTenant } from '../../support/view.ts'
import { createEntry, createExchange, createFakeRuntime, createInstance } from './snapshot.ts'

const gone = deny(401, 'AEGIS_TOKEN_EXPIRED', 'The access token has expired.')

/** A worker with one plugin that says what `verdict` says, and what was ended and counted. */
function createWorker(verdict: (ex: { route: RouteConfig }) => Verdict | Promise<Verdict> = () => undefined) {
  const clock = createTestClock()
  const counted: string[] = []
  const open: Record<string, number> = {}
  const longLived = new LongLived({
    ...{ clock, random: () => 0.5 },
    ended: (reason) => ({ inc: () => void counted.push(reason) }),
    open: (kind) => ({ set: (value) => void Object.assign(open, { [kind]: value }) }),
  })
  const plugin = createInstance(createEntry('one'), { onRecheck: verdict })
  const createRuntime = (routes: readonly RouteConfig[], tenants: readonly Tenant[] = []): Runtime => {
    const entries = new Map(
      routes.map((route) => [route.id, { route, compiled: { chain: compileChain([plugin], route) } }]),
    )
    return createFakeRuntime([], {
      longLived,
      router: {
        find: () => undefined,
        byId: (id: string) => entries.get(id),
      } as unknown as Runtime['router'],
      tenants: { byId: (id) => tenants.find((tenant) => tenant.id === id), byHost: () => null },
    })
  }
  return { clock, counted, open, longLived, createRuntime }
}

/** A tunnel that writes down how it is ended. */
function open(runtime: Runtime, route = createRoute(), kind: Lasting['kind'] = 'websocket') {
  const ex = createExchange({}, runtime)
  ex.route = route
  ex.chain = (runtime.router.byId(route.id)?.compiled ?? { chain: compileChain([], route) }).chain
  ex.match = {} as Exchange['match']
  const said: string[] = []
  const traffic = { bytes: 0 }
  const lasting: Lasting = {
    kind,
    bytes: () => traffic.bytes,
    close: (code, reason) => void said.push(`${code} ${reason}`),
  }
  runtime.longLived.add(ex, lasting)
  return { ex, said, traffic }
}

const limited = (longLived: Partial<LongLivedConfig>) =>
  createRoute({ longLived: { onExpiry: 'close', idleMs: 0, maxMs: 0, ...longLived } })

describe('what is open for long', () => {
  test('is asked about twice a second, and ended once when a plugin says so', () => {
    let asked = 0
    let verdict: Verdict
    const { clock, counted, createRuntime } = createWorker(() => {
      asked += 1
      return verdict
    })
    const { said, ex } = open(createRuntime([createRoute()]))
    clock.advance(5_000)
    assert.equal(asked, 10)
    verdict = gone
    clock.advance(500)
    clock.advance(5_000)
    assert.deepEqual(
      [said, counted, ex.code],
      [['1008 AEGIS_TOKEN_EXPIRED'], ['refused'], 'AEGIS_TOKEN_EXPIRED'],
    )
  })

  test('is asked about at once when there is news', () => {
    const { longLived, createRuntime } = createWorker(() => gone)
    const { said } = open(createRuntime([createRoute()]))
    longLived.recheck()
    assert.deepEqual(said, ['1008 AEGIS_TOKEN_EXPIRED'])
  })

  test('is not asked about again while a plugin takes its time', async () => {
    const asked: PromiseWithResolvers<Verdict>[] = []
    const { clock, createRuntime } = createWorker(() => {
      asked.push(Promise.withResolvers())
      return asked.at(-1)?.promise
    })
    const { said } = open(createRuntime([createRoute()]))
    clock.advance(3_000)
    assert.equal(asked.length, 1)
    asked[0]?.resolve(undefined)
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(500)
    assert.equal(asked.length, 2)
    asked[1]?.resolve(gone)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(said, ['1008 AEGIS_TOKEN_EXPIRED'])
  })

  test('ends when a plugin that guards it throws', () => {
    const { clock, createRuntime } = createWorker(() => {
      throw new Error('a defect')
    })
    const { said } = open(createRuntime([createRoute()]))
    clock.advance(500)
    assert.deepEqual(said, ['1008 AEGIS_PLUGIN_FAILED'])
  })

  test('no timer runs while nothing is open', () => {
    let asked = 0
    const { clock, createRuntime } = createWorker(() => {
      asked += 1
      return undefined
    })
    const { ex } = open(createRuntime([createRoute()]))
    conclude(ex)
    clock.advance(60_000)
    assert.equal(asked, 0)
  })

  test('is counted by kind until it is over', () => {
    const { open: counts, createRuntime } = createWorker()
    const runtime = createRuntime([createRoute()])
    const [one, other] = [open(runtime), open(runtime)]
    open(runtime, createRoute(), 'stream')
    assert.deepEqual(counts, { websocket: 2, stream: 1 })
    for (const { ex } of [one, one, other]) conclude(ex)
    assert.deepEqual(counts, { websocket: 0, stream: 1 })
  })

  test('ends when nothing passed for idleMs, and no sooner', () => {
    const { clock, counted, createRuntime } = createWorker()
    const { said, traffic } = open(createRuntime([]), limited({ idleMs: 10_000 }))
    clock.advance(9_000)
    traffic.bytes += 1
    clock.advance(10_000)
    assert.deepEqual(said, [])
    clock.advance(1_000)
    assert.deepEqual([said, counted], [['1001 AEGIS_IDLE'], ['idle']])
  })

  test('ends when it was open for maxMs', () => {
    const { clock, counted, createRuntime } = createWorker()
    const { said } = open(createRuntime([]), limited({ maxMs: 10_000 }))
    clock.advance(9_999)
    assert.deepEqual(said, [])
    clock.advance(1)
    assert.deepEqual([said, counted], [['1001 AEGIS_TOO_OLD'], ['age']])
  })

  test('is ended in the middle of a drain, and what opens meanwhile too', () => {
    const { clock, counted, longLived, createRuntime } = createWorker()
    const runtime = createRuntime([createRoute()])
    const early = open(runtime)
    longLived.drain(30_000)
    const late = open(runtime)
    const over = open(runtime)
    conclude(over.ex)
    clock.advance(14_999)
    assert.deepEqual([early.said, late.said], [[], []])
    clock.advance(1)
    assert.deepEqual(
      [early.said, late.said, over.said],
      [['1001 AEGIS_DRAINING'], ['1001 AEGIS_DRAINING'], []],
    )
    assert.deepEqual(counted, ['drain', 'drain'])
  })

  test('goes over to each new config, which then decides: tenant, route and plugins are those of now', () => {
    const verdicts: [string | undefined, unknown][] = []
    const { longLived, createRuntime } = createWorker((ex) => {
      verdicts.push([ex.route.upstream[0]?.name, (ex as unknown as Exchange).tenant?.status])
      return undefined
    })
    const { ex, said } = open(createRuntime([createRoute()], [createTenant('acme')]))
    ex.tenant = createTenant('acme')
    const changed = createRoute({ upstream: [{ name: 'v2', weight: 1 }] })
    longLived.adopt(createRuntime([changed], [createTenant('acme', { status: 'suspended' })]))
    assert.deepEqual(verdicts, [['v2', 'suspended']])
    assert.equal(ex.findTenant('acme')?.status, 'suspended')
    longLived.adopt(createRuntime([]))
    assert.deepEqual(said, ['1008 AEGIS_NO_ROUTE'])
  })

  test('one that began with an old config lets go of what that one holds, and of no other', () => {
    const ended: string[] = []
    const named = (name: string) => ({
      ...createWorker().createRuntime([]),
      end: () => void ended.push(name),
    })
    const [old, live] = [named('old'), named('live')]
    const inPlace = inPlaceOf(old, live)
    assert.equal(inPlace.router, live.router)
    inPlaceOf(inPlace, named('newer')).end()
    assert.deepEqual(ended, ['old'])
  })

  test('what is over before it can be watched is never watched', () => {
    const { open: counts, createRuntime } = createWorker()
    const runtime = createRuntime([createRoute()])
    const ex = createExchange({}, runtime)
    ex.ended = true
    runtime.longLived.add(ex, { kind: 'stream', bytes: () => 0, close() {} })
    assert.deepEqual(counts, {})
  })
})
