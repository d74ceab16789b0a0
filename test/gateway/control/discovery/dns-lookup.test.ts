// The look-up of names in DNS, against a real server on loopback.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { DnsDiscovery } from '../../../../gateway/contract/snapshot.ts'
import { followDns } from '../../../../gateway/control/discovery/dns-lookup.ts'
import type { Finding } from '../../../../gateway/control/discovery/finding.ts'
import { createTestClock } from '../../../support/clock.ts'
import { type DnsRecord, startDns } from '../../../support/dns-server.ts'
import { waitUntil } from '../../../support/gateway.ts'

async function createBench(t: TestContext, over: Partial<DnsDiscovery> = {}) {
  const dns = await startDns()
  const clock = createTestClock()
  const findings: Finding[] = []
  const discovery: DnsDiscovery = {
    kind: 'dns',
    name: 'api.test',
    type: 'A',
    port: 8080,
    scheme: 'http',
    resolvers: [dns.address],
    timeoutMs: 300,
    minRefreshMs: 1000,
    maxRefreshMs: 30_000,
    onEmpty: 'keep',
    ...over,
  }
  const stops: (() => void)[] = []
  t.after(async () => {
    for (const stop of stops) stop()
    await dns.close()
  })
  return {
    dns,
    clock,
    findings,
    put: (name: string, ...records: DnsRecord[]) => void dns.zone.set(name, records),
    follow: (name = 'api.test') =>
      void stops.push(followDns(name, discovery, { clock, random: () => 0 }, (one) => findings.push(one))),
    next: async (): Promise<Finding> => {
      const before = findings.length
      return waitUntil(() => findings[before])
    },
    /** Of the newest finding: `url weight host`. */
    targets: () => {
      const last = findings.at(-1)
      return last?.kind === 'targets'
        ? last.targets.map(({ url, weight, host }) => `${url} ${weight} ${host}`)
        : last
    },
    stop: () => stops[0]?.(),
  }
}

const a = (address: string, ttl = 5): DnsRecord => ({ type: 'A', address, ttl })

describe('a DNS name', () => {
  test('gives an endpoint for each address, under the name for Host', async (t) => {
    const { put, follow, next, targets } = await createBench(t)
    put('api.test', a('10.0.0.2'), a('10.0.0.1'))
    follow()
    await next()
    assert.deepEqual(targets(), [
      'http://10.0.0.1:8080 1 api.test:8080',
      'http://10.0.0.2:8080 1 api.test:8080',
    ])
  })

  test('is asked again when its TTL is over, and not before', async (t) => {
    const { dns, clock, put, follow, next, targets } = await createBench(t)
    put('api.test', a('10.0.0.1', 20), a('10.0.0.2', 5))
    follow()
    await next()
    put('api.test', a('10.0.0.3'))
    clock.advance(4999)
    assert.equal(dns.asked.length, 1)
    const found = next()
    clock.advance(1)
    await found
    assert.deepEqual(targets(), ['http://10.0.0.3:8080 1 api.test:8080'])
  })

  const bounds: readonly (readonly [string, number, number])[] = [
    ['not more often than minRefreshMs, whatever TTL of 0 it has', 0, 1000],
    ['at least every maxRefreshMs, whatever TTL of days it has', 400_000, 30_000],
  ]
  for (const [title, ttl, dueMs] of bounds) {
    test(`is asked ${title}`, async (t) => {
      const { dns, clock, put, follow, next } = await createBench(t)
      put('api.test', a('10.0.0.1', ttl))
      follow()
      await next()
      clock.advance(dueMs - 1)
      assert.equal(dns.asked.length, 1)
      const found = next()
      clock.advance(1)
      await found
      assert.equal(dns.asked.length, 2)
    })
  }

  test('gives IPv6 endpoints for AAAA', async (t) => {
    const { put, follow, next, targets } = await createBench(t, { type: 'AAAA' })
    put('api.test', { type: 'AAAA', address: '2001:0db8:0000:0000:0000:0000:0000:0001' }, a('10.0.0.1'))
    follow()
    await next()
    assert.deepEqual(targets(), ['http://[2001:db8::1]:8080 1 api.test:8080'])
  })

  test('gives what its SRV records name: ports, weights, the lowest priority only', async (t) => {
    const { put, follow, next, targets } = await createBench(t, { type: 'SRV', port: null })
    const srv = { type: 'SRV' } as const
    put(
      '_http._tcp.api.test',
      { ...srv, target: 'one.test', port: 81, priority: 1, weight: 5 },
      { ...srv, target: 'two.test', port: 82, priority: 1, weight: 0 },
      { ...srv, target: 'gone.test', port: 83, priority: 1 },
      { ...srv, target: 'spare.test', port: 84, priority: 9 },
    )
    put('one.test', a('10.0.0.1'), a('10.0.0.2'))
    put('two.test', { type: 'AAAA', address: '2001:0db8:0000:0000:0000:0000:0000:0002' })
    put('spare.test', a('10.0.0.9'))
    follow('_http._tcp.api.test')
    await next()
    assert.deepEqual(targets(), [
      'http://10.0.0.1:81 5 one.test:81',
      'http://10.0.0.2:81 5 one.test:81',
      'http://[2001:db8::2]:82 1 two.test:82',
    ])
  })

  test('of SRV records is asked again by the TTL of the addresses', async (t) => {
    const { clock, put, follow, next, targets } = await createBench(t, { type: 'SRV', port: null })
    put('api.test', { type: 'SRV', target: 'one.test', port: 81 })
    put('one.test', a('10.0.0.1', 3))
    follow()
    await next()
    put('one.test', a('10.0.0.5', 3))
    const found = next()
    clock.advance(3000)
    await found
    assert.deepEqual(targets(), ['http://10.0.0.5:81 1 one.test:81'])
  })

  test('that does not exist, or has no such records, is empty; it is asked again soon', async (t) => {
    const { clock, put, follow, next } = await createBench(t)
    follow()
    assert.deepEqual(await next(), { kind: 'empty' })
    put('api.test', { type: 'AAAA', address: '2001:0db8:0000:0000:0000:0000:0000:0001' })
    const again = next()
    clock.advance(1000)
    assert.deepEqual(await again, { kind: 'empty' })
    put('api.test', a('10.0.0.1'))
    const found = next()
    clock.advance(1000)
    assert.equal((await found).kind, 'targets')
  })

  for (const mode of ['silent', 'servfail', 'garbage'] as const) {
    test(`whose server is ${mode} is a failure, found out in time and tried again, at most every four seconds`, async (t) => {
      const { dns, clock, put, follow, next } = await createBench(t, { timeoutMs: 100 })
      put('api.test', a('10.0.0.1'))
      dns.mode = mode
      follow()
      const startedAt = performance.now()
      const first = await next()
      assert.equal(first.kind, 'failed')
      assert.match(first.kind === 'failed' ? first.reason : '', /^A of api\.test: E/)
      assert.ok(performance.now() - startedAt < 2000)
      const after = (ms: number) => {
        const found = next()
        clock.advance(ms)
        return found
      }
      for (const ms of [500, 1000, 2000, 4000]) {
        const { length } = dns.asked
        clock.advance(ms - 1)
        assert.equal(dns.asked.length, length)
        assert.equal((await after(1)).kind, 'failed')
      }
      dns.mode = 'answer'
      assert.equal((await after(4000)).kind, 'targets')
    })
  }

  test('is given up when it takes longer than it may', async (t) => {
    const { dns, clock, follow, next } = await createBench(t, { timeoutMs: 60_000 })
    dns.mode = 'silent'
    follow()
    await waitUntil(() => dns.asked.length > 0)
    const found = next()
    clock.advance(60_000)
    assert.deepEqual(await found, { kind: 'failed', reason: 'A of api.test: ECANCELLED' })
  })

  test('is no longer asked once it is not wanted', async (t) => {
    const { dns, clock, findings, put, follow, next, stop } = await createBench(t)
    put('api.test', a('10.0.0.1'))
    follow()
    await next()
    stop()
    clock.advance(600_000)
    assert.equal(dns.asked.length, 1)
    assert.equal(findings.length, 1)
  })
})
