// Passive ejection: an endpoint that fails several times in a row takes no requests for a while.
// Worker; used by cluster.ts. Why it is held back as it is: docs/decisions/upstream-health.md.
import { type Endpoint, isEligible } from './endpoint.ts'

export interface PassiveRules {
  readonly failures: number
  readonly ejectMs: number
}

/** The longest ejection, in multiples of `ejectMs`. An endpoint without one for that long starts anew. */
const longest = 10

/** Counts a result; true when the endpoint must be ejected now. The count is kept: one failure after the return suffices. */
export function countResult(endpoint: Endpoint, failed: boolean, rules: PassiveRules): boolean {
  endpoint.consecutiveFailures = failed ? endpoint.consecutiveFailures + 1 : 0
  return failed && endpoint.consecutiveFailures >= rules.failures
}

/**
 * At most half of the endpoints (rounded up), and never the last one that is left: an ejection is a preference for
 * better endpoints, not a verdict, and must not make an outage out of a blip.
 */
export function mayEject(endpoints: readonly Endpoint[], endpoint: Endpoint, nowMs: number): boolean {
  if (endpoint.ejectedUntilMs > nowMs) return false
  let ejected = 0
  let others = 0
  for (let i = 0; i < endpoints.length; i++) {
    const one = endpoints[i] as Endpoint
    if (one.ejectedUntilMs > nowMs) ejected += 1
    if (one !== endpoint && isEligible(one, nowMs)) others += 1
  }
  return others > 0 && ejected < Math.ceil(endpoints.length / 2)
}

/** Ejects, each time in a row twice as long up to the cap; returns until when. */
export function eject(endpoint: Endpoint, rules: PassiveRules, nowMs: number): number {
  countEjection(endpoint, rules, nowMs)
  const factor = Math.min(2 ** (endpoint.ejections - 1), longest)
  endpoint.ejectedUntilMs = nowMs + rules.ejectMs * factor
  return endpoint.ejectedUntilMs
}

/** Follows an ejection that another worker made. */
export function followEjection(
  endpoint: Endpoint,
  untilMs: number,
  rules: PassiveRules,
  nowMs: number,
): void {
  countEjection(endpoint, rules, nowMs)
  endpoint.ejectedUntilMs = untilMs
  endpoint.consecutiveFailures = Math.max(endpoint.consecutiveFailures, rules.failures)
}

/** When nobody else is left: the healthy endpoint whose ejection would end first is let in again. */
export function releaseSoonest(endpoints: readonly Endpoint[], nowMs: number): boolean {
  let soonest: Endpoint | null = null
  for (let i = 0; i < endpoints.length; i++) {
    const one = endpoints[i] as Endpoint
    if (!one.healthy || one.ejectedUntilMs <= nowMs) continue
    if (soonest === null || one.ejectedUntilMs < soonest.ejectedUntilMs) soonest = one
  }
  if (soonest === null) return false
  soonest.ejectedUntilMs = nowMs
  return true
}

function countEjection(endpoint: Endpoint, rules: PassiveRules, nowMs: number): void {
  const quietMs = nowMs - endpoint.ejectedUntilMs
  endpoint.ejections = quietMs > rules.ejectMs * longest ? 1 : endpoint.ejections + 1
}
