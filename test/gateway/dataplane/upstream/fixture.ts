// Clusters for the tests of this folder: a clock moved by hand and a repeatable random number.

import type { TargetHealth } from '../../../../gateway/contract/protocol.ts'
import type { UpstreamConfig } from '../../../../gateway/contract/snapshot.ts'
import type { Attempt, Outcome } from '../../../../gateway/dataplane/upstream/attempt.ts'
import { type Cluster, createCluster } from '../../../../gateway/dataplane/upstream/cluster.ts'
import type { Endpoint } from '../../../../gateway/dataplane/upstream/endpoint.ts'
import { createTestClock, type TestClock } from '../../../support/clock.ts'
import { createView } from '../../../support/view.ts'

export function createUpstream(
  weights: readonly number[],
  over: Partial<UpstreamConfig> = {},
): UpstreamConfig {
  return {
    name: 'api',
    targets: weights.map((weight, index) => ({ url: `http://127.0.0.1:${9000 + index}`, weight })),
    discovery: null,
    balancer: 'round-robin',
    hashKey: 'tenant',
    hedge: null,
    slowStartMs: 0,
    health: { active: null, passive: { failures: 3, ejectMs: 1000 } },
    retry: { attempts: 2, budgetPercent: 20, on: ['connect-failure'] },
    breaker: { maxConnections: 1000, maxPending: 1000, maxPerTenant: 0, errorPercent: 0 },
    timeouts: { connectMs: 1000, headersMs: 1000, bodyIdleMs: 1000 },
    transport: 'http1',
    preserveHost: false,
    tls: null,
    ...over,
  }
}

/** A request of nobody in particular. */
export const caller = createView({})

/** Tries by their endpoint, for tests in which it does not matter which of several ends. */
export class Tries {
  readonly #cluster: Cluster
  readonly #open = new Map<Endpoint, Attempt[]>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  began(endpoint: Endpoint): void {
    const open = this.#open.get(endpoint) ?? []
    open.push(this.#cluster.begin(endpoint, caller))
    this.#open.set(endpoint, open)
  }

  answered(endpoint: Endpoint): void {
    this.#open.get(endpoint)?.at(-1)?.answered()
  }

  ended(endpoint: Endpoint, outcome: Outcome): void {
    this.#open.get(endpoint)?.shift()?.ended(outcome)
  }
}

export interface Bench {
  readonly clock: TestClock
  readonly random: () => number
  readonly cluster: Cluster
  readonly tries: Tries
  readonly ejected: { target: string; untilMs: number }[]
}

export function createBench(config: UpstreamConfig, seed = 1, previous?: Bench): Bench {
  const clock = previous?.clock ?? createTestClock()
  const random = createRandom(seed)
  const ejected: Bench['ejected'] = []
  const cluster = createCluster(config, {
    clock,
    random,
    onEjected: (target, untilMs) => void ejected.push({ target, untilMs }),
    ...(previous === undefined ? {} : { previous: previous.cluster }),
  })
  return { clock, random, cluster, tries: new Tries(cluster), ejected }
}

/** mulberry32: small, repeatable, good enough to deal cards. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function toState(cluster: Cluster, index: number, over: Partial<TargetHealth>): TargetHealth {
  const target = cluster.endpoints[index]?.url ?? ''
  return { upstream: cluster.config.name, target, healthy: true, ejectedUntilMs: 0, ...over }
}
