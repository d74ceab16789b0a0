// One target of an upstream and what this worker knows about it. Worker; made and changed by cluster.ts only.
import type { Measured } from './latency.ts'
import { hashText } from './stable-hash.ts'

export interface Endpoint extends Measured {
  /** Origin as in the config. */
  readonly url: string
  readonly weight: number
  /** Of the URL; see stable-hash.ts. */
  readonly hash: number
  /** The weight that counts now: less than `weight` while it starts slowly. */
  share: number
  inFlight: number
  /** Result of the active checks, from the health feed. */
  healthy: boolean
  /** Monotonic ms until which passive ejection lasts; in the past or 0 when not ejected. */
  ejectedUntilMs: number
  /** Monotonic ms at which it joined others or was found healthy again; 0 when it was there from the start. */
  sinceMs: number
  consecutiveFailures: number
  /** Ejections in a row, for their growing length; see outlier.ts. */
  ejections: number
  /** Running weight of smooth weighted round-robin; see balancer.ts. */
  turn: number
}

export function createEndpoint(url: string, weight: number, sinceMs = 0): Endpoint {
  return {
    url,
    weight,
    hash: hashText(url),
    share: weight,
    inFlight: 0,
    healthy: true,
    ejectedUntilMs: 0,
    sinceMs,
    consecutiveFailures: 0,
    ejections: 0,
    turn: 0,
    latencyMs: 0,
    latencyAtMs: 0,
  }
}

/** A target whose weight changed: a new endpoint that keeps what was learnt about the old one. */
export function reweigh(endpoint: Endpoint, weight: number): Endpoint {
  return { ...endpoint, weight, share: weight, inFlight: 0, turn: 0 }
}

export function isEligible(endpoint: Endpoint, nowMs: number): boolean {
  return endpoint.healthy && endpoint.ejectedUntilMs <= nowMs
}

/** With less it would hardly get a request to warm up with. */
const leastShare = 0.1

/** The weight of an endpoint that is new or came back grows from a tenth to the whole over `slowStartMs`. */
export function shareAt(endpoint: Endpoint, slowStartMs: number, nowMs: number): number {
  const sinceMs = Math.max(endpoint.sinceMs, endpoint.ejectedUntilMs)
  if (sinceMs === 0 || nowMs - sinceMs >= slowStartMs) return endpoint.weight
  return endpoint.weight * Math.max(leastShare, (nowMs - sinceMs) / slowStartMs)
}
