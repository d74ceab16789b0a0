// What a client is told when its request gets no try at an upstream. Worker thread; used by forward.ts and turn.ts.
import { deny } from '../../contract/reply.ts'

export const noHealthyUpstream = deny(
  503,
  'AEGIS_NO_HEALTHY_UPSTREAM',
  'No healthy server is there for this request.',
  ['retry-after', '5'],
)

export const breakerOpen = deny(
  503,
  'AEGIS_BREAKER_OPEN',
  'The service is failing; requests to it are held back.',
  ['retry-after', '5'],
)

export const upstreamFull = deny(
  503,
  'AEGIS_UPSTREAM_FULL',
  'Too many requests to this service are under way.',
  ['retry-after', '1'],
)
