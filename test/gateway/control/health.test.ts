import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { Clock } from '../../../gateway/contract/ports.ts'
import type { TargetHealth } from '../../../gateway/contract/protocol.ts'
import type { UpstreamConfig } from '../../../gateway/contract/snapshot.ts'
import { createHealthChecker, type HealthChecker } from '../../../gateway/control/health.ts'
import { createTestClock } from '../../support/clock.ts'
import { createTestPorts } from '../../support/ports.ts'

const active = { path: '/up?deep=1', intervalMs: 5000, timeoutMs: 800, healthyAfter: 2, unhealthyAfter: 3 }
/** With a random number of 0.5; every move of the clock must land on a check, or its time-out falls due as well. */
const firstCheckMs = 1000
const passive = { failures: 5, ejectMs: 30_000 }

interface Target {
  readonly url: string
  readonly asked: string[]
  /** Sockets that are open now. */
  readonly sockets: Set<unknown>
  answer: 'ok' | 'redirect' | 'error' | 'silent' | 'endless'
}

const servers: Server[] = []
after(() => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})

async function startTarget(): Promise<Target> {
  const server = createServer((request, response) => {
    target.asked.push(`${request.method} ${request.url} ${request.headers['user-agent']}`)
    if (target.answer === 'silent') return
    const status = { ok: 204, redirect: 302, error: 500, endless: 200 }[target.answer]
    response.writeHead(status)
    if (target.answer === 'endless') response.write('x')
    else response.end()
  })
  const target: Target = { url: '', asked: [], sockets: new Set(), answer: 'ok' }
  server.on('connection', (socket) => {
    target.sockets.add(socket)
    socket.on('close', () => target.sockets.delete(socket))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(target, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

function createUpstream(
  name: string,
  urls: readonly string[],
  health: Partial<UpstreamConfig['health']> = {},
) {
  const config = {
    name,
    targets: urls.map((url) => ({ url, weight: 1 })),
    health: { active, passive, ...health },
    tls: null,
  }
  // Nothing else of an upstream's config is read by the checker.
  return { [name]: config as unknown as UpstreamConfig }
}

interface Bench {
  readonly checker: HealthChecker
  readonly clock: ReturnType<typeof createTestClock>
  readonly feeds: (readonly TargetHealth[])[]
  readonly changes: TargetHealth[]
  readonly lines: { level: string; message: string }[]
  /** Moves on to the next check of one target and waits until its result was judged. */
  round(): Promise<void>
}

function createBench(): Bench {
  const clock = createTestClock()
  let scheduled = 0
  const counting: Clock = {
    ...clock,
    after: (delayMs, callback) => {
      if (delayMs === active.intervalMs) scheduled += 1
      return clock.after(delayMs, callback)
    },
  }
  const { log, logged } = createTestPorts()
  const feeds: Bench['feeds'] = []
  const changes: TargetHealth[] = []
  const checker = createHealthChecker({
    clock: counting,
    log,
    publish: (feed) => void (feed.topic === 'health' && feeds.push(feed.states)),
    onChange: (state) => void changes.push(state),
    random: () => 0.5,
  })
  let first = true
  async function round(): Promise<void> {
    const before = scheduled
    clock.advance(first ? firstCheckMs : active.intervalMs)
    first = false
    await until(() => scheduled > before)
  }
  return { checker, clock, feeds, changes, lines: logged, round }
}

/** Waits for other sockets of this process; the deadline only ends a test that has failed. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'waited too long')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('targets are healthy at first, and flip only after so many results in a row', async () => {
  const target = await startTarget()
  const { checker, round, feeds, changes, lines } = createBench()
  checker.apply(createUpstream('api', [target.url]))
  assert.deepEqual(feeds, [[{ upstream: 'api', target: target.url, healthy: true, ejectedUntilMs: 0 }]])
  const seen: boolean[] = []
  for (const answer of 'ok error error ok error error error ok error ok redirect ok'.split(' ')) {
    target.answer = answer as Target['answer']
    await round()
    seen.push(checker.states()[0]?.healthy === true)
  }
  const [t, f] = [true, false]
  assert.deepEqual(seen, [t, t, t, t, t, t, f, f, f, f, t, t])
  assert.deepEqual(target.asked[0], 'GET /up?deep=1 aegis-health-check')
  assert.deepEqual(
    changes.map((state) => state.healthy),
    [false, true],
  )
  assert.equal(feeds.length, 3, 'one feed for each change')
  assert.deepEqual(
    lines.map((line) => `${line.level} ${line.message}`),
    ['warn target is unhealthy', 'info target is healthy again'],
  )
  await checker.stop()
})

test('a target that refuses connections, hangs or never ends its answer is unhealthy', async () => {
  const closed = await startTarget()
  servers.at(-1)?.close()
  for (const [target, answer] of [
    [closed, 'ok'],
    [await startTarget(), 'silent'],
    [await startTarget(), 'endless'],
  ] as const) {
    const { checker, clock, changes, round } = createBench()
    checker.apply(createUpstream('api', [target.url], { active: { ...active, unhealthyAfter: 1 } }))
    target.answer = answer
    if (target === closed) await round()
    else {
      clock.advance(firstCheckMs)
      await until(() => target.asked.length === 1)
      assert.equal(changes.length, 0)
      clock.advance(active.timeoutMs)
    }
    await until(() => changes.length === 1)
    assert.equal(changes[0]?.healthy, false)
    await checker.stop()
  }
})

test('each check makes a connection of its own and closes it', async () => {
  const target = await startTarget()
  const { checker, round } = createBench()
  checker.apply(createUpstream('api', [target.url]))
  for (let i = 1; i <= 3; i++) {
    await round()
    await until(() => target.sockets.size === 0)
    assert.equal(target.asked.length, i)
  }
  await checker.stop()
})

test('a reload keeps the state of targets that are still there and stops asking removed ones at once', async () => {
  const [kept, removed] = [await startTarget(), await startTarget()]
  kept.answer = 'error'
  const { checker, feeds, round } = createBench()
  const health = { active: { ...active, unhealthyAfter: 1 } }
  checker.apply(createUpstream('api', [kept.url, removed.url], health))
  removed.answer = 'silent'
  await round()
  await until(() => feeds.length === 2 && removed.asked.length === 1)
  checker.apply(createUpstream('api', [kept.url], health))
  assert.deepEqual(feeds.at(-1), [{ upstream: 'api', target: kept.url, healthy: false, ejectedUntilMs: 0 }])
  await until(() => removed.sockets.size === 0)
  for (let i = 0; i < 3; i++) await round()
  assert.equal(kept.asked.length, 4)
  assert.equal(removed.asked.length, 1)
  assert.deepEqual(checker.states(), feeds.at(-1))
  await checker.stop()
})

test('the same target in two upstreams is watched for each of them', async () => {
  const target = await startTarget()
  target.answer = 'error'
  const { checker, changes, clock } = createBench()
  const strict = createUpstream('strict', [target.url], { active: { ...active, unhealthyAfter: 1 } })
  checker.apply({ ...strict, ...createUpstream('patient', [target.url], { active: null }) })
  clock.advance(firstCheckMs)
  await until(() => changes.length === 1)
  assert.deepEqual(
    checker.states().map((state) => [state.upstream, state.healthy]),
    [
      ['strict', false],
      ['patient', true],
    ],
  )
  await checker.stop()
})

test('turning the checks off makes a target healthy again and asks no more', async () => {
  const target = await startTarget()
  target.answer = 'error'
  const { checker, clock, changes } = createBench()
  checker.apply(createUpstream('api', [target.url], { active: { ...active, unhealthyAfter: 1 } }))
  clock.advance(firstCheckMs)
  await until(() => changes.length === 1)
  checker.apply(createUpstream('api', [target.url], { active: null }))
  assert.equal(checker.states()[0]?.healthy, true)
  clock.advance(60_000)
  await until(() => target.sockets.size === 0)
  assert.equal(target.asked.length, 1)
  await checker.stop()
})

test('ejections that workers report are merged, published, and over at their time', async () => {
  const { checker, clock, feeds, changes } = createBench()
  const url = 'http://127.0.0.1:9'
  checker.apply(createUpstream('api', [url], { active: null }))
  const now = clock.monotonicMs()
  const report = { topic: 'ejected', upstream: 'api', target: url } as const
  checker.ejected({ ...report, untilMs: now + 1000 })
  checker.ejected({ ...report, untilMs: now + 900 })
  checker.ejected({ ...report, untilMs: now + 1500 })
  checker.ejected({ ...report, target: 'http://127.0.0.1:10', untilMs: now + 1500 })
  checker.ejected({ ...report, upstream: 'gone', untilMs: now + 1500 })
  checker.ejected({ ...report, untilMs: now - 1 })
  const ends = () => changes.map((state) => state.ejectedUntilMs)
  assert.deepEqual(ends(), [now + 1000, now + 1500])
  assert.equal(feeds.length, 3)
  clock.advance(1499)
  assert.equal(feeds.length, 3)
  clock.advance(1)
  assert.deepEqual(ends(), [now + 1000, now + 1500, 0])
  assert.deepEqual(feeds.at(-1), [{ upstream: 'api', target: url, healthy: true, ejectedUntilMs: 0 }])
  await checker.stop()
})

test('after stop nothing is asked and nothing is published', async () => {
  const target = await startTarget()
  target.answer = 'silent'
  const { checker, clock, feeds } = createBench()
  checker.apply(createUpstream('api', [target.url]))
  checker.ejected({
    topic: 'ejected',
    upstream: 'api',
    target: target.url,
    untilMs: clock.monotonicMs() + 9000,
  })
  clock.advance(firstCheckMs)
  await until(() => target.asked.length === 1)
  const before = feeds.length
  await checker.stop()
  clock.advance(60_000)
  await until(() => target.sockets.size === 0)
  assert.equal(target.asked.length, 1)
  assert.equal(feeds.length, before)
})
