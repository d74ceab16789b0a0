// Requests that belong together go to one endpoint, as long as that does not overload it. Worker; used by balancer.ts.
// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016) over rendezvous scores instead of a ring:
// why is in docs/decisions/upstream-balancing.md.
import type { HashKey } from '../../contract/snapshot.ts'
import type { Balancer } from './balancer.ts'
import { createCallerKey } from './caller.ts'
import type { Endpoint } from './endpoint.ts'
import { hashText, scoreOf } from './stable-hash.ts'

/** No endpoint has more requests under way than this many times its share of all, rounded up. */
const loadBound = 1.25

export function createHashBalancer(key: HashKey): Balancer {
  const keyOf = createCallerKey(key)
  return (candidates, caller) => pickByHash(candidates, hashText(caller === null ? '' : keyOf(caller)))
}

/** The endpoint that wants the key most among those that have room; there always is one. */
function pickByHash(candidates: readonly Endpoint[], keyHash: number): Endpoint {
  let inFlight = 1
  let shares = 0
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    inFlight += one.inFlight
    shares += one.share
  }
  let best = candidates[0] as Endpoint
  let bestScore = Number.NEGATIVE_INFINITY
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i] as Endpoint
    if (one.inFlight >= Math.ceil((loadBound * inFlight * one.share) / shares)) continue
    const score = scoreOf(keyHash, one.hash, one.share)
    if (score <= bestScore) continue
    best = one
    bestScore = score
  }
  return best
}
