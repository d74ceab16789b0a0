// How long an endpoint takes to answer, with the worst of late weighing most. Worker; used by cluster.ts and balancer.ts.
// Peak-sensitive exponentially weighted moving average, as in Finagle: a slower answer counts at once and in full, a
// faster one only as time goes by; what is old fades, so that an endpoint which was slow is tried again.

export interface Measured {
  latencyMs: number
  /** Monotonic ms of the last measurement. */
  latencyAtMs: number
}

const fadeMs = 10_000

/** What a failure counts as at least: an endpoint that refuses fast must not look like a fast one. */
export const failureMs = 1_000

export function observeLatency(one: Measured, tookMs: number, nowMs: number): void {
  const kept = fadingOf(one, nowMs)
  // Never 0, which stands for unknown.
  const took = Math.max(tookMs, 0.01)
  one.latencyMs = took > one.latencyMs * kept ? took : one.latencyMs * kept + took * (1 - kept)
  one.latencyAtMs = nowMs
}

/** 0: nothing is known yet. */
export function latencyAt(one: Readonly<Measured>, nowMs: number): number {
  return one.latencyMs * fadingOf(one, nowMs)
}

function fadingOf({ latencyAtMs }: Readonly<Measured>, nowMs: number): number {
  return Math.exp(-Math.max(0, nowMs - latencyAtMs) / fadeMs)
}
