// One limit of the config, compiled: what a request must be checked against, and the metrics of what was decided.
// Worker thread.
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { CounterChild, LimitAlgorithm, LimitCheck, MetricsPort } from '../../gateway/contract/ports.ts'
import { createKeyForm, type KeyForm, tenantIdOf } from './key.ts'
import { compileNumbers, type Numbers, type PickNumbers } from './numbers.ts'
import type { LimitConfig, RateLimitConfig } from './schema.ts'

export interface Limit {
  readonly name: string
  readonly algorithm: LimitAlgorithm
  readonly shape: boolean
  readonly keyForm: KeyForm
  readonly pickNumbers: PickNumbers
  readonly allowed: CounterChild
  readonly denied: CounterChild
  readonly delayed: CounterChild
  readonly dryRunDenied: CounterChild
  readonly failed: CounterChild
}

/** A check that remembers the policy it came from. */
export interface AskedCheck extends LimitCheck {
  readonly policy: string
}

export function compileLimit(
  limit: LimitConfig,
  config: Readonly<RateLimitConfig>,
  metrics: MetricsPort,
): Limit {
  const decisions = metrics.counter(
    'aegis_ratelimit_decisions_total',
    'Decisions of rate limits: allowed, delayed, denied, dry_run_denied, store_failed.',
    ['limit', 'decision'],
  )
  const { name, algorithm, shape } = limit
  return {
    name,
    algorithm,
    shape,
    keyForm: createKeyForm(limit, config.ipv6PrefixBits),
    pickNumbers: compileNumbers(limit),
    allowed: decisions.labels(name, 'allowed'),
    denied: decisions.labels(name, 'denied'),
    delayed: decisions.labels(name, 'delayed'),
    dryRunDenied: decisions.labels(name, 'dry_run_denied'),
    failed: decisions.labels(name, 'store_failed'),
  }
}

export function toChecks(limits: readonly Limit[], ex: RequestView): AskedCheck[] {
  const checks: AskedCheck[] = []
  const tenantId = tenantIdOf(ex)
  const tenant = ex.tenant ?? ex.hostTenant ?? (tenantId === undefined ? undefined : ex.findTenant(tenantId))
  for (let i = 0; i < limits.length; i++) {
    const limit = limits[i] as Limit
    const numbers = limit.pickNumbers(tenantId, tenant?.plan, ex.identity)
    checks.push(toCheck(limit, limit.keyForm.keyOf(ex), numbers))
  }
  return checks
}

export function toCheck(limit: Limit, key: string, numbers: Numbers): AskedCheck {
  return {
    key,
    algorithm: limit.algorithm,
    limit: numbers.limit,
    windowMs: numbers.windowMs,
    burst: numbers.burst,
    cost: numbers.cost,
    shape: limit.shape,
    policy: numbers.policy,
  }
}
