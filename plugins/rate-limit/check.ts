// What the schema of the rate-limit plugin cannot say. Main thread, at load.
import type { HostFacts } from '../../gateway/contract/plugin.ts'
import { applyVariant } from './numbers.ts'
import type { LimitConfig, RateLimitConfig } from './schema.ts'

type Problem = { pointer: string; message: string }

/** A request that waits holds a connection open; longer than this no client and no proxy in between stays. */
export const longestWaitMs = 60_000

export function checkRateLimit(config: Readonly<RateLimitConfig>, host?: HostFacts): Problem[] {
  const problems: Problem[] = checkStore(config, host)
  const seen = new Set<string>()
  config.limits.forEach((limit, index) => {
    const at = `/limits/${index}`
    if (seen.has(limit.name)) {
      const message = `another limit of this plugin is named "${limit.name}"; give each its own name`
      problems.push({ pointer: `${at}/name`, message })
    }
    seen.add(limit.name)
    problems.push(...checkShape(limit, at), ...checkNumbers(limit, `${at}/cost`, `${at}/burst`))
    for (const group of ['plans', 'tenants'] as const) {
      for (const [name, own] of Object.entries(limit[group])) {
        const below = `${at}/${group}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
        problems.push(...checkNumbers(applyVariant(limit, own), below, below))
      }
    }
  })
  return problems
}

function checkStore({ store, syncMs }: Readonly<RateLimitConfig>, host: HostFacts | undefined): Problem[] {
  const problems: Problem[] = []
  if (store === 'redis' && host?.redis === false) {
    const message = 'there is no Redis; name one in gateway.json ("redis"), set REDIS_URL, or write "local"'
    problems.push({ pointer: '/store', message })
  }
  if (store === 'local' && syncMs > 0) {
    problems.push({ pointer: '/syncMs', message: 'only the store "redis" is synced; take syncMs out' })
  }
  return problems
}

function checkShape(limit: LimitConfig, at: string): Problem[] {
  if (!limit.shape) return []
  if (limit.algorithm !== 'leaky-bucket') {
    const message = `only "leaky-bucket" can shape, not "${limit.algorithm}"; change the algorithm or take shape out`
    return [{ pointer: `${at}/shape`, message }]
  }
  if (limit.claim === undefined) return []
  const message =
    'a claim cannot set the rate of a shaper, because the wait would have no bound; take claim or shape out'
  return [{ pointer: `${at}/claim`, message }]
}

function checkNumbers(limit: LimitConfig, costAt: string, burstAt: string): Problem[] {
  const problems: Problem[] = []
  const isBucket = limit.algorithm === 'token-bucket' || limit.algorithm === 'leaky-bucket'
  const bound = isBucket && limit.burst > 0 ? 'burst' : 'limit'
  const capacity = limit[bound]
  if (limit.cost > capacity) {
    const message = `a request costs ${limit.cost}, but at most ${capacity} can pass at once, so that none ever could; lower cost or raise ${bound}`
    problems.push({ pointer: costAt, message })
  }
  const waitMs = ((capacity - limit.cost) / limit.limit) * limit.windowMs
  if (limit.shape && waitMs > longestWaitMs) {
    const message = `a request could wait ${Math.ceil(waitMs / 1000)} seconds for its turn and ${longestWaitMs / 1000} is the most; lower burst or raise the rate`
    problems.push({ pointer: burstAt, message })
  }
  return problems
}
