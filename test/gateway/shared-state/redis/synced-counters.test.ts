// Local decisions, told to the others every syncMs: what is let through too much, and that it evens out.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CounterStore, LimitCheck } from '../../../../gateway/contract/ports.ts'
import { createCounterBuffer, createLocalCounters } from '../../../../gateway/shared-state/counter-table.ts'
import { createRedisCounters, type RedisCounters } from '../../../../gateway/shared-state/redis/counters.ts'
import type { RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import { createSyncedCounters } from '../../../../gateway/shared-state/redis/synced-counters.ts'
import { type RedisServer, startRedis } from '../../../services/redis.ts'
import { createTestClock } from '../../../support/clock.ts'
import { createTestPorts } from '../../../support/ports.ts'
import { checkOf } from '../conformance.ts'
import { openLink } from './setup.ts'

let redis: RedisServer
let link: RedisLink
before(async () => {
  redis = await startRedis()
  ;({ link } = await openLink({ url: redis.url }))
})
after(async () => {
  link?.close()
  await redis?.stop()
})

let groups = 0

/** Gateways with one clock, moved in steps; each step waits until what was told has been answered. */
function createGateways(count: number, syncMs: number) {
  groups += 1
  const clock = createTestClock()
  const { log } = createTestPorts()
  const running = new Set<Promise<unknown>>()
  const keyed = (check: LimitCheck) => ({ ...check, key: `${groups}|${check.key}` })
  const stores: CounterStore[] = Array.from({ length: count }, () => {
    const exact = createRedisCounters({ link, oneNode: true, nowMs: () => clock.monotonicMs() })
    const redisCounters: RedisCounters = {
      ...exact,
      add(checks) {
        const answer = exact.add(checks)
        running.add(answer)
        void answer.finally(() => running.delete(answer)).catch(() => {})
        return answer
      },
    }
    const local = createLocalCounters(createCounterBuffer({ slots: 1_024 }), clock)
    return createSyncedCounters({ local, redis: redisCounters, clock, log, syncMs })
  })
  return {
    take: (gateway: number, check: LimitCheck) =>
      (stores[gateway] as CounterStore).take([keyed(check)]) as readonly { allowed: boolean }[],
    peek: (gateway: number, check: LimitCheck) => (stores[gateway] as CounterStore).peek(keyed(check)),
    async step(ms: number) {
      clock.advance(ms)
      while (running.size > 0) await Promise.allSettled([...running])
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const algorithms = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const

describe('synced counters', () => {
  for (const algorithm of algorithms) {
    test(`${algorithm}: a gateway knows after a sync what the others let through`, async () => {
      const { take, peek, step } = createGateways(2, 100)
      const check = checkOf({ algorithm, limit: 100, windowMs: 1_000_000 })
      for (let i = 0; i < 30; i++) take(0, check)
      take(1, check)
      await step(100)
      take(0, check)
      take(1, check)
      await step(100)
      // The one that told first has not heard of what the other told in the same round.
      assert.equal((await peek(0, check)).remaining, 68)
      assert.equal((await peek(1, check)).remaining, 67)
    })

    test(`${algorithm}: no more than the bound passes, and a gateway alone lets exactly the limit through`, async () => {
      for (const [count, perStep] of [
        [1, 50],
        [2, 5],
        [3, 20],
        [4, 1_000],
      ] as const) {
        const stepMs = 10
        const syncMs = 100
        const { take, step } = createGateways(count, syncMs)
        const check = checkOf({ algorithm, limit: 300, windowMs: 1_000_000 })
        let passed = 0
        for (let ms = 0; ms < 2_500; ms += stepMs) {
          for (let gateway = 0; gateway < count; gateway++) {
            for (let i = 0; i < perStep; i++) if (take(gateway, check)[0]?.allowed) passed += 1
          }
          await step(stepMs)
        }
        const rate = perStep / stepMs
        const bound = (count - 1) * Math.min(300, rate * 2 * (syncMs + stepMs))
        assert.ok(
          passed >= 300 && passed <= 300 + Math.ceil(bound),
          `${count} gateways: ${passed}, bound ${bound}`,
        )
      }
    })
  }

  for (const algorithm of ['token-bucket', 'leaky-bucket', 'sliding-window', 'fixed-window'] as const) {
    test(`${algorithm}: over time the rate of all gateways together is the limit's`, async () => {
      const { take, step } = createGateways(3, 100)
      // 100 a second, and ten times as many asked.
      const check = checkOf({ algorithm, limit: 100, windowMs: 1_000, burst: 20 })
      let passed = 0
      for (let ms = 0; ms < 20_000; ms += 20) {
        for (let gateway = 0; gateway < 3; gateway++) {
          for (let i = 0; i < 7; i++) if (take(gateway, check)[0]?.allowed) passed += 1
        }
        await step(20)
      }
      const most = algorithm.endsWith('window') ? 20 * (100 + 2 * 84) : 20 * 100 + 20 + 2 * 84
      assert.ok(passed <= most, `${passed} of ${most}`)
      assert.ok(passed >= 20 * 100 * 0.8, `${passed}`)
    })
  }

  test('while Redis is away each gateway counts alone, and no request waits', async () => {
    const own = await startRedis()
    const away = await openLink({ url: own.url, breaker: { failures: 2, probeMs: 20 } })
    const clock = createTestClock()
    const { log } = createTestPorts()
    const local = createLocalCounters(createCounterBuffer({ slots: 1_024 }), clock)
    const exact = createRedisCounters({ link: away.link, oneNode: true })
    const store = createSyncedCounters({ local, redis: exact, clock, log, syncMs: 100 })
    await own.kill()
    const check = checkOf({ limit: 10 })
    const passed = Array.from({ length: 20 }, () => store.take([check]) as readonly { allowed: boolean }[])
    assert.equal(passed.filter(([state]) => state?.allowed).length, 10)
    clock.advance(100)
    away.link.close()
    await own.stop()
  })
})
