// The policy of one upstream in one worker: who is asked next, whether anybody may be asked, and what is learnt from
// every try. Synchronous, without I/O; called by forward.ts. The order of calls for one request: enter, wait if it is
// busy, then per try pick and begin; of the attempt answered (optional) and ended; takeRetry before each further try.
import type { Clock } from '../../contract/ports.ts'
import type { TargetHealth } from '../../contract/protocol.ts'
import type { TargetConfig, UpstreamConfig } from '../../contract/snapshot.ts'
import { Attempt, type AttemptRules } from './attempt.ts'
import { type Balancer, createBalancer } from './balancer.ts'
import { Breaker } from './breaker.ts'
import { type Caller, tenantIdOf } from './caller.ts'
import { createEndpoint, type Endpoint, isEligible, reweigh, shareAt } from './endpoint.ts'
import { FairLine, type Waiting } from './fair-line.ts'
import { countResult, eject, followEjection, mayEject, releaseSoonest } from './outlier.ts'
import { RetryBudget } from './retry-budget.ts'

export interface Cluster {
  readonly config: UpstreamConfig
  readonly endpoints: readonly Endpoint[]
  /** null: nobody is eligible. Excludes those already tried when another is there. */
  pick(tried: readonly Endpoint[], caller: Caller): Endpoint | null
  /** Once per request. open: the breaker holds it back. busy: it must `wait`; with ok it begins a try at once. */
  enter(caller: Caller): 'ok' | 'open' | 'busy'
  wait(one: Waiting): void
  /** What held true when a wait began may no longer do so when it is over. */
  isOpen(): boolean
  /** It no longer waits. */
  leave(one: Waiting): void
  /** It waited too long, and is refused. */
  giveUp(one: Waiting): void
  begin(endpoint: Endpoint, caller: Caller): Attempt
  /** What is under way and waiting over all configs; `open`: the breaker is not closed. */
  load(): { readonly active: number; readonly waiting: number; readonly open: boolean }
  /** Takes one retry from the budget; false when it is spent or the breaker is not closed. */
  takeRetry(): boolean
  /** Takes one second try beside the first: of the same budget, and where there is a place. */
  takeHedge(caller: Caller): boolean
  /** The newest health feed; states of other upstreams are passed over. */
  applyHealth(states: readonly TargetHealth[]): void
  /** Other endpoints were discovered. Those that stay keep what is known of them; one that left may still be `ended`. */
  setTargets(targets: readonly TargetConfig[]): void
}

/** Why a request got no try. */
export type Refusal = 'breaker' | 'full' | 'no-target'

export interface ClusterPorts {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Told once when this worker ejects a target; `untilMs` is monotonic. */
  onEjected(target: string, untilMs: number): void
  onRefused?(reason: Refusal): void
  /** A retry was asked for. */
  onRetry?(allowed: boolean): void
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
  readonly line: FairLine
}

class UpstreamCluster implements Cluster {
  readonly config: UpstreamConfig
  endpoints: readonly Endpoint[]
  readonly #ports: ClusterPorts
  readonly #balancer: Balancer
  readonly #traffic: Traffic
  readonly #attempts: AttemptRules
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
        : {
            breaker: new Breaker(),
            budget: new RetryBudget(),
            line: new FairLine(() => others.onRefused?.('full')),
          }
    this.#attempts = this.#toRules()
  }

  pick(tried: readonly Endpoint[], caller: Caller): Endpoint | null {
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.#collect(tried, nowMs) || (tried.length > 0 && this.#collect(nobody, nowMs))) {
      return this.#balancer(this.#candidates, caller, nowMs)
    }
    if (releaseSoonest(this.endpoints, nowMs) && this.#collect(nobody, nowMs)) {
      return this.#balancer(this.#candidates, caller, nowMs)
    }
    this.#ports.onRefused?.('no-target')
    return null
  }

  enter(caller: Caller): 'ok' | 'open' | 'busy' {
    const nowMs = this.#ports.clock.monotonicMs()
    const { breaker, budget, line } = this.#traffic
    if (!breaker.admits(nowMs, this.config.breaker.errorPercent)) {
      this.#ports.onRefused?.('breaker')
      return 'open'
    }
    budget.countRequest(nowMs)
    return line.hasPlace(tenantIdOf(caller), this.config.breaker) ? 'ok' : 'busy'
  }

  isOpen(): boolean {
    return !this.#traffic.breaker.admits(this.#ports.clock.monotonicMs(), this.config.breaker.errorPercent)
  }

  wait(one: Waiting): void {
    this.#traffic.line.join(one, this.config.breaker)
  }

  leave(one: Waiting): void {
    this.#traffic.line.leave(one)
  }

  giveUp(one: Waiting): void {
    this.#traffic.line.giveUp(one)
  }

  begin(endpoint: Endpoint, caller: Caller): Attempt {
    return new Attempt(this.#attempts, endpoint, tenantIdOf(caller))
  }

  load(): { readonly active: number; readonly waiting: number; readonly open: boolean } {
    const { breaker, line } = this.#traffic
    const open = !breaker.isClosed(this.config.breaker.errorPercent)
    return { active: line.active, waiting: line.waiting, open }
  }

  takeRetry(): boolean {
    const { breaker, budget } = this.#traffic
    const allowed =
      breaker.isClosed(this.config.breaker.errorPercent) &&
      budget.take(this.#ports.clock.monotonicMs(), this.config.retry.budgetPercent)
    this.#ports.onRetry?.(allowed)
    return allowed
  }

  takeHedge(caller: Caller): boolean {
    return this.#traffic.line.hasPlace(tenantIdOf(caller), this.config.breaker) && this.takeRetry()
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

  #toRules(): AttemptRules {
    const { breaker, line } = this.#traffic
    return {
      ...{ breaker, line, clock: this.#ports.clock },
      errorPercent: this.config.breaker.errorPercent,
      capacity: this.config.breaker,
      onResult: (endpoint, failed, nowMs) => this.#watch(endpoint, failed, nowMs),
    }
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
