// One try that is under way at an endpoint: it counts there while it lasts, and what it was like is learnt from it.
// Worker; begun by cluster.ts, told by whoever carries the request.
import type { Clock } from '../../contract/ports.ts'
import type { Breaker } from './breaker.ts'
import type { Endpoint } from './endpoint.ts'
import type { Capacity, FairLine } from './fair-line.ts'
import { failureMs, latencyAt, observeLatency } from './latency.ts'

/** status-error: 502, 503 or 504 from the upstream. cancelled: the client left, no verdict about the upstream. */
export type Outcome = 'ok' | 'status-error' | 'connect-failure' | 'reset' | 'timeout' | 'cancelled'

/** What an attempt needs to know of its cluster. */
export interface AttemptRules {
  readonly clock: Clock
  readonly breaker: Breaker
  readonly errorPercent: number
  readonly line: FairLine
  readonly capacity: Capacity
  /** Told once, unless the client left. */
  onResult(endpoint: Endpoint, failed: boolean, nowMs: number): void
}

export class Attempt {
  readonly endpoint: Endpoint
  readonly #rules: AttemptRules
  readonly #tenantId: string
  readonly #startedMs: number
  #measured = false
  #over = false

  constructor(rules: AttemptRules, endpoint: Endpoint, tenantId: string) {
    this.#rules = rules
    this.endpoint = endpoint
    this.#tenantId = tenantId
    this.#startedMs = rules.clock.monotonicMs()
    endpoint.inFlight += 1
    rules.line.began(tenantId)
    rules.breaker.began(this.#startedMs)
  }

  /** Optional: a response head came that is no 502, 503 or 504. A long stream need not end to be good news. */
  answered(): void {
    const nowMs = this.#rules.clock.monotonicMs()
    this.#measure('ok', nowMs)
    this.endpoint.consecutiveFailures = 0
    this.#rules.breaker.answered(nowMs)
  }

  /** The first one counts. */
  ended(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    const { clock, breaker, errorPercent, line, capacity } = this.#rules
    const nowMs = clock.monotonicMs()
    this.endpoint.inFlight -= 1
    line.ended(this.#tenantId, capacity)
    this.#measure(outcome, nowMs)
    if (outcome === 'cancelled') {
      breaker.cancelled(nowMs)
      return
    }
    const failed = outcome !== 'ok'
    if (failed) breaker.failed(nowMs, errorPercent)
    else breaker.succeeded(nowMs)
    this.#rules.onResult(this.endpoint, failed, nowMs)
  }

  /** The head came, or it will not. */
  #measure(outcome: Outcome, nowMs: number): void {
    if (this.#measured) return
    this.#measured = true
    const tookMs = nowMs - this.#startedMs
    if (outcome === 'ok') observeLatency(this.endpoint, tookMs, nowMs)
    else if (outcome !== 'cancelled') observeLatency(this.endpoint, Math.max(failureMs, tookMs), nowMs)
    // A client that left says at least how long the answer did not come.
    else if (tookMs > latencyAt(this.endpoint, nowMs)) observeLatency(this.endpoint, tookMs, nowMs)
  }
}
