// The look-up of a service, against servers in Consul's place that lie, hang and break.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import type { ConsulDiscovery } from '../../../../gateway/contract/snapshot.ts'
import type { Crowd } from '../../../../gateway/control/consul/blocking-query.ts'
import { createConsulClient } from '../../../../gateway/control/consul/client.ts'
import { followConsul } from '../../../../gateway/control/discovery/consul-lookup.ts'
import type { Finding } from '../../../../gateway/control/discovery/finding.ts'
import { createTestClock } from '../../../support/clock.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { type LyingConsul, say, startLyingConsul, toInstances } from '../../../support/lying-consul.ts'

const discovery: ConsulDiscovery = {
  kind: 'consul',
  service: 'api',
  tags: [],
  datacenter: null,
  scheme: 'http',
  passingOnly: true,
  stale: true,
  onEmpty: 'keep',
}

async function createBench(
  t: TestContext,
  answer: LyingConsul['answer'],
  over: Partial<ConsulDiscovery> = {},
  { crowd = { size: 0 }, random = () => 0.5 }: { crowd?: Crowd; random?: () => number } = {},
) {
  const consul = await startLyingConsul(answer)
  const clock = createTestClock()
  const client = createConsulClient({ url: consul.url, token: 'secret-token', clock })
  const findings: Finding[] = []
  const ports = { consul: client, clock, random, crowd }
  const stop = followConsul('api', { ...discovery, ...over }, ports, (one) => findings.push(one))
  t.after(async () => {
    stop()
    client.destroy()
    await consul.close()
  })
  /** Resolves once it was asked so often; what it waits for in between is made to pass. */
  const asked = (times: number) =>
    waitUntil(() => {
      if (consul.asked.length >= times) return true
      clock.advance(250)
      return false
    })
  const found = (times: number) =>
    waitUntil(() => (findings.length >= times ? findings[times - 1] : undefined))
  return { consul, client, clock, findings, stop, asked, found, crowd }
}

const urlsOf = (finding: Finding | undefined) =>
  finding?.kind === 'targets' ? finding.targets.map(({ url }) => url) : finding

/** Answers one after another, the last one again and again. */
function inTurn(...answers: readonly ((res: ServerResponse) => void)[]): LyingConsul['answer'] {
  let turn = 0
  return (_, res) => {
    const answer = answers[Math.min(turn, answers.length - 1)] as (res: ServerResponse) => void
    turn += 1
    answer(res)
  }
}

const instances =
  (index: number | string | null, ...ports: number[]) =>
  (res: ServerResponse) =>
    say(res, index, toInstances(...ports))
const hold = () => {}

describe('a blocking query', () => {
  test('asks at once, then waits for the index that it was given', async (t) => {
    const { consul, asked, found } = await createBench(t, inTurn(instances(7, 81), instances(9, 82), hold), {
      tags: ['v1', 'blue'],
      datacenter: 'dc2',
    })
    assert.deepEqual(urlsOf(await found(1)), ['http://127.0.0.1:81'])
    await asked(3)
    assert.deepEqual(urlsOf(await found(2)), ['http://127.0.0.1:82'])
    const queries = consul.asked.map((url) => new URL(url, consul.url).searchParams)
    assert.deepEqual(
      queries.map((query) => [query.get('index'), query.get('wait')]),
      [
        [null, null],
        ['7', '3000ms'],
        ['9', '3000ms'],
      ],
    )
    assert.deepEqual(queries[0]?.getAll('tag'), ['v1', 'blue'])
    assert.deepEqual(
      ['dc', 'passing', 'stale'].map((name) => queries[0]?.get(name)),
      ['dc2', 'true', '1'],
    )
    assert.equal(consul.headers[0]?.['x-consul-token'], 'secret-token')
  })

  test('asks anew without an index when the index went back, and does not believe what came with it', async (t) => {
    const { consul, asked, findings } = await createBench(
      t,
      inTurn(instances(50, 81), instances(3), instances(3, 83), hold),
    )
    await asked(4)
    assert.deepEqual(findings.map(urlsOf), [['http://127.0.0.1:81'], ['http://127.0.0.1:83']])
    const indexes = consul.asked.map((url) => new URL(url, consul.url).searchParams.get('index'))
    assert.deepEqual(indexes, [null, '50', null, '3'])
  })

  for (const index of [0, -1, 'soon', null]) {
    test(`does not spin on an index of ${index}, which never blocks`, async (t) => {
      const { consul, clock, asked, found } = await createBench(t, inTurn(instances(index, 81)))
      assert.deepEqual(urlsOf(await found(1)), ['http://127.0.0.1:81'])
      await asked(6)
      const before = consul.asked.length
      // By now it pauses for 3.2 seconds.
      for (let i = 0; i < 30; i++) {
        clock.advance(100)
        await new Promise(setImmediate)
      }
      assert.ok(consul.asked.length <= before + 1, `${consul.asked.length - before} times in three seconds`)
    })
  }

  const broken: readonly (readonly [string, (res: ServerResponse) => void, RegExp])[] = [
    ['500', (res) => res.writeHead(500).end('No cluster leader'), /the answer is 500/],
    ['403', (res) => res.writeHead(403).end('Permission denied'), /403: the ACL token does not allow this/],
    [
      'a page of HTML',
      (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi'),
      /not a list/,
    ],
    [
      'what an ACL hides',
      (res) => {
        res.setHeader('x-consul-results-filtered-by-acls', 'true')
        say(res, 4, [])
      },
      /may not read this service/,
    ],
    ['null', (res) => say(res, 4, null), /not a list/],
    ['an object', (res) => say(res, 4, { a: 1 }), /not a list/],
    [
      'half of a JSON text',
      (res) => res.writeHead(200, { 'content-type': 'application/json' }).end('[{'),
      /JSON/,
    ],
    ['a reset connection', (res) => res.destroy(), /hang up|ECONNRESET/],
  ]
  for (const [what, answer, reason] of broken) {
    test(`answered with ${what} is a failure; after it all is asked anew`, async (t) => {
      const { consul, client, asked, found, findings } = await createBench(
        t,
        inTurn(instances(5, 81), answer, answer, instances(6, 82), hold),
      )
      await found(1)
      await asked(5)
      const [, second, third, fourth] = findings
      for (const one of [second, third]) {
        assert.equal(one?.kind, 'failed')
        assert.match(one?.kind === 'failed' ? one.reason : '', reason)
        assert.ok(!JSON.stringify(one).includes('secret-token'))
      }
      assert.deepEqual(urlsOf(fourth), ['http://127.0.0.1:82'])
      const indexes = consul.asked.map((url) => new URL(url, consul.url).searchParams.get('index'))
      assert.deepEqual(indexes, [null, '5', null, null, '6'])
      assert.equal(client.state().up, true)
    })
  }

  test('comes back at another moment in each gateway after Consul was away', async (t) => {
    const pauses: number[] = []
    for (const chance of [0, 0.5, 0.999]) {
      const broken = inTurn((res) => res.destroy())
      const { consul, clock } = await createBench(t, broken, {}, { random: () => chance })
      await waitUntil(() => consul.asked.length >= 1)
      const beganMs = clock.monotonicMs()
      await waitUntil(async () => {
        if (consul.asked.length >= 2) return true
        clock.advance(10)
        // Time enough for what it has just been asked to arrive, before the clock goes on.
        await new Promise((resolve) => setTimeout(resolve, 2))
        return false
      })
      pauses.push(clock.monotonicMs() - beganMs)
    }
    const [least = 0, middle = 0, most = 0] = pauses
    assert.ok(least < middle && middle < most, `${pauses}`)
  })

  test('is cancelled when it is no longer wanted', async (t) => {
    const { consul, stop, asked, findings, clock, crowd } = await createBench(
      t,
      inTurn(instances(5, 81), hold),
    )
    await asked(2)
    assert.equal(consul.held(), 1)
    stop()
    await waitUntil(() => consul.held() === 0)
    clock.advance(60_000)
    await new Promise(setImmediate)
    assert.equal(consul.asked.length, 2)
    assert.equal(findings.length, 1)
    assert.equal(crowd.size, 0)
  })

  test('does not block where there are more of them than connections', async (t) => {
    const { consul, asked } = await createBench(t, inTurn(instances(5, 81)), {}, { crowd: { size: 400 } })
    await asked(3)
    assert.deepEqual(
      consul.asked.map((url) => new URL(url, consul.url).searchParams.get('index')),
      [null, null, null],
    )
  })
})

describe('instances of a service', () => {
  const one = (over: object, checks: readonly object[] = [{ Status: 'passing' }]) => ({
    Node: { Address: '10.0.0.1' },
    Service: { Address: '10.0.0.2', Port: 80, Weights: { Passing: 5, Warning: 2 }, ...over },
    Checks: checks,
  })
  const rows: readonly (readonly [
    string,
    readonly unknown[],
    readonly string[] | 'none',
    Partial<ConsulDiscovery>?,
  ])[] = [
    ['have their own address', [one({})], ['http://10.0.0.2 5']],
    ['or that of their node', [one({ Address: '' })], ['http://10.0.0.1 5']],
    ['may have IPv6 addresses', [one({ Address: 'fd00::1', Port: 81 })], ['http://[fd00::1]:81 5']],
    ['may be spoken to by TLS', [one({ Port: 8443 })], ['https://10.0.0.2:8443 5'], { scheme: 'https' }],
    ['are taken once for each address', [one({}), one({})], ['http://10.0.0.2 5']],
    [
      'come in one order',
      [one({ Port: 82 }), one({ Port: 81 })],
      ['http://10.0.0.2:81 5', 'http://10.0.0.2:82 5'],
    ],
    ['have a weight of at least 1', [one({ Weights: { Passing: 0 } })], ['http://10.0.0.2 1']],
    ['have a weight of 1 when they name none', [one({ Weights: undefined })], ['http://10.0.0.2 1']],
    ['are left out when a check warns', [one({}, [{ Status: 'passing' }, { Status: 'warning' }])], 'none'],
    [
      'count by their weight for warnings where these are taken',
      [one({}, [{ Status: 'passing' }, { Status: 'warning' }])],
      ['http://10.0.0.2 2'],
      { passingOnly: false },
    ],
    [
      'are left out when a check is critical, in either case',
      [one({}, [{ Status: 'passing' }, { Status: 'critical' }])],
      'none',
      { passingOnly: false },
    ],
    ['are left out when their check is of no known state', [one({}, [{ Status: 'great' }])], 'none'],
    [
      'that make no sense do not cost the others',
      [null, 5, {}, one({ Port: 0 }), one({ Port: 'x' }), one({ Address: 'a b/c' }), one({})],
      ['http://10.0.0.2 5'],
    ],
  ]
  for (const [title, entries, expected, over] of rows) {
    test(title, async (t) => {
      const { found } = await createBench(
        t,
        inTurn((res) => say(res, 3, entries), hold),
        over,
      )
      const finding = await found(1)
      if (expected === 'none') assert.deepEqual(finding, { kind: 'empty' })
      else {
        assert.equal(finding.kind, 'targets', JSON.stringify(finding))
        const targets = finding.kind === 'targets' ? finding.targets : []
        assert.deepEqual(
          targets.map(({ url, weight }) => `${url} ${weight}`),
          expected,
        )
      }
    })
  }
})
