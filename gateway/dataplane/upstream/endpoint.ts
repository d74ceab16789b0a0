// One target of an upstream and what this worker knows about it. Worker; made and changed by cluster.ts only.

export interface Endpoint {
  /** Origin as in the config. */
  readonly url: string
  readonly weight: number
  inFlight: number
  /** Result of the active checks, from the health feed. */
  healthy: boolean
  /** Monotonic ms until which passive ejection lasts; in the past or 0 when not ejected. */
  ejectedUntilMs: number
  consecutiveFailures: number
  /** Ejections in a row, for their growing length; see outlier.ts. */
  ejections: number
  /** Running weight of smooth weighted round-robin; see balancer.ts. */
  turn: number
}

export function createEndpoint(url: string, weight: number): Endpoint {
  return {
    url,
    weight,
    inFlight: 0,
    healthy: true,
    ejectedUntilMs: 0,
    consecutiveFailures: 0,
    ejections: 0,
    turn: 0,
  }
}

/** A target whose weight changed: a new endpoint that keeps what was learnt about the old one. */
export function reweigh(endpoint: Endpoint, weight: number): Endpoint {
  return { ...endpoint, weight, inFlight: 0, turn: 0 }
}

export function isEligible(endpoint: Endpoint, nowMs: number): boolean {
  return endpoint.healthy && endpoint.ejectedUntilMs <= nowMs
}
