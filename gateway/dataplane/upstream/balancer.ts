// Which of the eligible endpoints takes the next request. Worker; called by cluster.ts on every try, so nothing is allocated.
import type { UpstreamConfig } from '../../contract/snapshot.ts'
import type { Caller } from './caller.ts'
import type { Endpoint } from './endpoint.ts'
import { createHashBalancer } from './hash-balancer.ts'
import { latencyAt } from './latency.ts'

/** Never called with an empty list. `caller` is null for requests that nobody made. */
export type Balancer = (candidates: readonly Endpoint[], caller: Caller | null, nowMs: number) => Endpoint

/** Below 0: `a` is to be preferred to `b`. 0: neither. */
type Comparison = (a: Endpoint, b: Endpoint, nowMs: number) => number

export function createBalancer(
  config: Pick<UpstreamConfig, 'balancer' | 'hashKey'>,
  random: () => number,
): Balancer {
  switch (config.balancer) {
    case 'round-robin':
      return takeTurn
    case 'least-request':
      return createChoice(compareLoad, random)
    case 'ewma':
      return createChoice(compareCost, random)
    case 'hash':
      return createHashBalancer(config.hashKey)
  }
}

/** Smooth weighted round-robin as nginx has it: weights 5,1,1 give a a b a c a a, not a a a a a b c. */
function takeTurn(candidates: readonly Endpoint[]): Endpoint {
  let best = candidates[0] as Endpoint
  let total = 0
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    one.turn += one.share
    total += one.share
    if (one.turn > best.turn) best = one
  }
  best.turn -= total
  return best
}

/** Up to here two samples would leave out at most one endpoint: comparing all is as cheap and never wrong. */
const compareAllUpTo = 3

function createChoice(compare: Comparison, random: () => number): Balancer {
  /** Ties fall by weight, so that idle endpoints share in proportion too. */
  function pickOfAll(candidates: readonly Endpoint[], nowMs: number): Endpoint {
    let best = candidates[0] as Endpoint
    let tied = best.share
    for (let i = 1; i < candidates.length; i++) {
      const one = candidates[i] as Endpoint
      const difference = compare(one, best, nowMs)
      if (difference > 0) continue
      tied = difference < 0 ? one.share : tied + one.share
      if (difference < 0 || random() * tied < one.share) best = one
    }
    return best
  }
  /** Power of two choices (Mitzenmacher 2001): two different samples by weight, the better one wins. */
  function pickOfTwo(candidates: readonly Endpoint[], nowMs: number): Endpoint {
    const first = sampleByWeight(candidates, null, random)
    const second = sampleByWeight(candidates, first, random)
    return compare(second, first, nowMs) < 0 ? second : first
  }
  return (candidates, _caller, nowMs) =>
    candidates.length <= compareAllUpTo ? pickOfAll(candidates, nowMs) : pickOfTwo(candidates, nowMs)
}

function sampleByWeight(
  candidates: readonly Endpoint[],
  except: Endpoint | null,
  random: () => number,
): Endpoint {
  let total = 0
  for (let i = 0; i < candidates.length; i++) total += (candidates[i] as Endpoint).share
  let point = random() * (total - (except?.share ?? 0))
  let last = candidates[0] as Endpoint
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    if (one === except) continue
    last = one
    point -= one.share
    if (point < 0) break
  }
  return last
}

/** Requests in flight per weight, multiplied out so that no division rounds a tie away. */
function compareLoad(a: Endpoint, b: Endpoint): number {
  return a.inFlight * b.share - b.inFlight * a.share
}

/** Peak-EWMA as in Finagle: the time that a request would wait behind those in flight. */
function compareCost(a: Endpoint, b: Endpoint, nowMs: number): number {
  const heavier = Math.max(a.share, b.share)
  return costOf(a, heavier, nowMs) - costOf(b, heavier, nowMs)
}

/** Of an endpoint that nothing is known of while it has its first request: no second one unless all are like that. */
const unknownMs = 1e9

function costOf(one: Endpoint, heavier: number, nowMs: number): number {
  const known = latencyAt(one, nowMs)
  if (known === 0 && one.inFlight === 0) return 0
  return (known === 0 ? unknownMs : known) * (1 + (one.inFlight * heavier) / one.share)
}
