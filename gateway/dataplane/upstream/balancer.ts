// Which of the eligible endpoints takes the next request. Worker; called by cluster.ts on every try, so nothing is allocated.
import type { BalancerName } from '../../contract/snapshot.ts'
import type { Endpoint } from './endpoint.ts'

/** Never called with an empty list. */
export type Balancer = (candidates: readonly Endpoint[]) => Endpoint

export function createBalancer(name: BalancerName, random: () => number): Balancer {
  if (name === 'round-robin') return takeTurn
  return (candidates) =>
    candidates.length <= compareAllUpTo ? pickLeastLoaded(candidates, random) : pickOfTwo(candidates, random)
}

/** Up to here two samples would leave out at most one endpoint: comparing all is as cheap and never wrong. */
const compareAllUpTo = 3

/** Smooth weighted round-robin as nginx has it: weights 5,1,1 give a a b a c a a, not a a a a a b c. */
function takeTurn(candidates: readonly Endpoint[]): Endpoint {
  let best = candidates[0] as Endpoint
  let total = 0
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    one.turn += one.weight
    total += one.weight
    if (one.turn > best.turn) best = one
  }
  best.turn -= total
  return best
}

/** Least in flight per weight. Ties fall by weight, so that idle endpoints share in proportion too. */
function pickLeastLoaded(candidates: readonly Endpoint[], random: () => number): Endpoint {
  let best = candidates[0] as Endpoint
  let tiedWeight = best.weight
  for (let i = 1; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    const difference = compareLoad(one, best)
    if (difference > 0) continue
    tiedWeight = difference < 0 ? one.weight : tiedWeight + one.weight
    if (difference < 0 || random() * tiedWeight < one.weight) best = one
  }
  return best
}

/** Power of two choices (Mitzenmacher 2001): two different samples by weight, the less loaded one wins. */
function pickOfTwo(candidates: readonly Endpoint[], random: () => number): Endpoint {
  const first = sampleByWeight(candidates, null, random)
  const second = sampleByWeight(candidates, first, random)
  return compareLoad(second, first) < 0 ? second : first
}

function sampleByWeight(
  candidates: readonly Endpoint[],
  except: Endpoint | null,
  random: () => number,
): Endpoint {
  let total = 0
  for (let i = 0; i < candidates.length; i++) total += (candidates[i] as Endpoint).weight
  let point = random() * (total - (except?.weight ?? 0))
  let last = candidates[0] as Endpoint
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    if (one === except) continue
    last = one
    point -= one.weight
    if (point < 0) break
  }
  return last
}

/** Sign of load(a) - load(b), multiplied out so that no division rounds a tie away. */
function compareLoad(a: Endpoint, b: Endpoint): number {
  return a.inFlight * b.weight - b.inFlight * a.weight
}
