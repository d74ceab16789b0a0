// Latency where nobody is at the limit: all gateways at half the rate that the slowest of them reached in the warm-up.
import { aegisFullChain } from '../gateways/aegis.ts'
import { haproxy } from '../gateways/haproxy.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { nginxLua } from '../gateways/nginx-lua.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'
import { sharedLimits } from './shared-limits.ts'

type About = Pick<Scenario, 'name' | 'about' | 'gateways'>

export const halfRate = createHalfRate({
  name: 'half-rate',
  about: 'small GET at half the rate at which the slowest is saturated',
  gateways: [nginxBare, haproxy, nginxLua, aegisFullChain()],
})

export const sharedLimitsHalfRate = createHalfRate({
  name: 'shared-limits-half-rate',
  about:
    'small GET with limits kept locally and in Redis, at half the rate at which the slowest is saturated',
  gateways: sharedLimits.gateways,
})

function createHalfRate(about: About): Scenario {
  let slowest = Number.POSITIVE_INFINITY
  return {
    ...about,
    unit: 'ms at p99',
    async measure(turn) {
      const load = turn.warmUp ? {} : { perSecond: slowest / 2 }
      const figures = await measureRequests(turn, { path: paths.small, ...load })
      if (turn.warmUp) slowest = Math.min(slowest, figures.perSecond)
      return { ...figures, cost: figures.p99Ms }
    },
  }
}
