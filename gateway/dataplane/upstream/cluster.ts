// The policy of one upstream in one worker: who is asked next, whether anybody may be asked, and what is learnt from
// every try. Synchronous, without I/O; called by forward.ts. The order of calls for one request:
// admit, then per try pick, began, answered (optional), ended; takeRetry before each try after the first.
import type { Clock } from '../../contract/ports.ts'
import type { TargetHealth } from '../../contract/protocol.ts'
import type { TargetConfig, UpstreamConfig } from '../../contract/snapshot.ts'
import { type Balancer, createBalancer } from './balancer.ts'
import { Breaker } from './breaker.ts'
import type { Caller } from './caller.ts'
import { createEndpoint, type Endpoint, isEligible, reweigh, shareAt } from './endpoint.ts'
import { countResult, eject, followEjection, mayEject, releaseSoonest } from './outlier.ts'
import { RetryBudget } from './retry-budget.ts'

/** status-error: 502, 503 or 504 from the upstream. cancelled: the client left, no verdict about the upstream. */
export type Outcome = 'ok' | 'status-error' | 'connect-failure' | 'reset' | 'timeout' | 'cancelled'

export interface Cluster {
  readonly config: UpstreamConfig
  readonly endpoints: readonly Endpoint[]
  /** null: nobody is eligible. Excludes those already tried when another is there. */
  pick(tried: readonly Endpoint[], caller?: Caller | null): Endpoint | null
  /** Once per request. open: the breaker; full: maxConnections + maxPending tries are in flight in this worker. */
  admit(): 'ok' | 'open' | 'full'
  began(endpoint: Endpoint): void
  /** Optional: a response head came that is no 502, 503 or 504. A long stream need not end to be good news. */
  answered(endpoint: Endpoint): void
  /** Exactly once for every `began`. */
  ended(endpoint: Endpoint, outcome: Outcome): void
  /** Takes one retry from the budget; false when it is spent or the breaker is not closed. */
  takeRetry(): boolean
  /** The newest health feed; states of other upstreams are passed over. */
  applyHealth(states: readonly TargetHealth[]): void
  /** Other endpoints were discovered. Those that stay keep what is known of them; one that left may still be `ended`. */
  setTargets(targets: readonly TargetConfig[]): void
}

export interface ClusterPorts {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Told once when this worker ejects a target; `untilMs` is monotonic. */
  onEjected(target: string, untilMs: number): void
  /** The cluster of the same name in the runtime before. It goes on to be used and is not changed here. */
  readonly previous?: Cluster
}

export function createCluster(config: UpstreamConfig, ports: ClusterPorts): Cluster {
  return new UpstreamCluster(config, ports)
}

/** What belongs to the upstream rather than to a version of its config: shared by all its clusters of this worker. */
interface Traffic {
  readonly breaker: Breaker
  readonly budget: RetryBudget
  inFlight: number
}

class UpstreamCluster implements Cluster {
  readonly config: UpstreamConfig
  endpoints: readonly Endpoint[]
  readonly #ports: ClusterPorts
  readonly #balancer: Balancer
  readonly #traffic: Traffic
  readonly #mostInFlight: number
  /** Reused by every pick. */
  readonly #candidates: Endpoint[] = []

  constructor(config: UpstreamConfig, ports: ClusterPorts) {
    const { previous, ...others } = ports
    this.config = config
    this.#ports = others
    this.endpoints = this.#toEndpoints(config.targets, previous?.endpoints ?? [])
    this.#balancer = createBalancer(config, ports.random)
    this.#traffic =
      previous instanceof UpstreamCluster
        ? previous.#traffic
        : { breaker: new Breaker(), budget: new RetryBudget(), inFlight: 0 }
    this.#mostInFlight = config.breaker.maxConnections + config.breaker.maxPending
  }

  pick(tried: readonly Endpoint[], caller: Caller | null = null): Endpoint | null {
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.#collect(tried, nowMs) || (tried.length > 0 && this.#collect(nobody, nowMs))) {
      return this.#balancer(this.#candidates, caller, nowMs)
    }
    if (!releaseSoonest(this.endpoints, nowMs)) return null
    return this.#collect(nobody, nowMs) ? this.#balancer(this.#candidates, caller, nowMs) : null
  }

  admit(): 'ok' | 'open' | 'full' {
    const nowMs = this.#ports.clock.monotonicMs()
    const { breaker, budget, inFlight } = this.#traffic
    if (!breaker.admits(nowMs, this.config.breaker.errorPercent)) return 'open'
    if (inFlight >= this.#mostInFlight) return 'full'
    budget.countRequest(nowMs)
    return 'ok'
  }

  began(endpoint: Endpoint): void {
    endpoint.inFlight += 1
    this.#traffic.inFlight += 1
    this.#traffic.breaker.began(this.#ports.clock.monotonicMs())
  }

  answered(endpoint: Endpoint): void {
    endpoint.consecutiveFailures = 0
    this.#traffic.breaker.answered(this.#ports.clock.monotonicMs())
  }

  ended(endpoint: Endpoint, outcome: Outcome): void {
    if (endpoint.inFlight === 0) return
    endpoint.inFlight -= 1
    this.#traffic.inFlight -= 1
    const nowMs = this.#ports.clock.monotonicMs()
    const { breaker } = this.#traffic
    if (outcome === 'cancelled') {
      breaker.cancelled(nowMs)
      return
    }
    const failed = outcome !== 'ok'
    if (failed) breaker.failed(nowMs, this.config.breaker.errorPercent)
    else breaker.succeeded(nowMs)
    this.#watch(endpoint, failed, nowMs)
  }

  takeRetry(): boolean {
    const { breaker, budget } = this.#traffic
    if (!breaker.isClosed(this.config.breaker.errorPercent)) return false
    return budget.take(this.#ports.clock.monotonicMs(), this.config.retry.budgetPercent)
  }

  applyHealth(states: readonly TargetHealth[]): void {
    const nowMs = this.#ports.clock.monotonicMs()
    const own = states.filter((state) => state.upstream === this.config.name)
    // All verdicts of the active checks first: an ejection asks who else is left.
    for (const state of own) for (const one of this.#at(state.target)) setHealthy(one, state.healthy, nowMs)
    for (const state of own) for (const one of this.#at(state.target)) this.#follow(one, state, nowMs)
  }

  setTargets(targets: readonly TargetConfig[]): void {
    this.endpoints = this.#toEndpoints(targets, this.endpoints)
  }

  #toEndpoints(targets: readonly TargetConfig[], known: readonly Endpoint[]): Endpoint[] {
    // The first of all start together: there is nobody to take their share meanwhile.
    const sinceMs = known.length === 0 ? 0 : this.#ports.clock.monotonicMs()
    return targets.map((target) => takeOver(target, known, sinceMs))
  }

  #follow(endpoint: Endpoint, state: TargetHealth, nowMs: number): void {
    const rules = this.config.health.passive
    if (rules === null) endpoint.ejectedUntilMs = 0
    else if (state.ejectedUntilMs > nowMs && mayEject(this.endpoints, endpoint, nowMs)) {
      followEjection(endpoint, state.ejectedUntilMs, rules, nowMs)
    }
  }

  #watch(endpoint: Endpoint, failed: boolean, nowMs: number): void {
    const rules = this.config.health.passive
    if (rules === null || !countResult(endpoint, failed, rules)) return
    if (!mayEject(this.endpoints, endpoint, nowMs)) return
    this.#ports.onEjected(endpoint.url, eject(endpoint, rules, nowMs))
  }

  #at(url: string): Endpoint[] {
    return this.endpoints.filter((one) => one.url === url)
  }

  /** Fills the candidates; false when there are none. */
  #collect(tried: readonly Endpoint[], nowMs: number): boolean {
    const candidates = this.#candidates
    candidates.length = 0
    for (let i = 0; i < this.endpoints.length; i++) {
      const one = this.endpoints[i] as Endpoint
      if (!isEligible(one, nowMs) || tried.includes(one)) continue
      one.share = shareAt(one, this.config.slowStartMs, nowMs)
      candidates.push(one)
    }
    return candidates.length > 0
  }
}

const nobody: readonly Endpoint[] = []

function takeOver(target: TargetConfig, known: readonly Endpoint[], sinceMs: number): Endpoint {
  const same = known.find((one) => one.url === target.url)
  if (same === undefined) return createEndpoint(target.url, target.weight, sinceMs)
  return same.weight === target.weight ? same : reweigh(same, target.weight)
}

function setHealthy(endpoint: Endpoint, healthy: boolean, nowMs: number): void {
  if (healthy && !endpoint.healthy) endpoint.sinceMs = nowMs
  endpoint.healthy = healthy
}
