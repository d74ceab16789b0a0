// The numbers that hold for one request: the token's claim, else the tenant's, else the plan's, else the limit's own.
// Worker thread; compiled once per config.
import type { Identity } from '../../gateway/contract/exchange.ts'
import { toPolicyItem } from './fields.ts'
import { type LimitConfig, type LimitVariant, mostUnits } from './schema.ts'

export interface Numbers {
  readonly limit: number
  readonly windowMs: number
  readonly burst: number
  readonly cost: number
  /** The limit's member of RateLimit-Policy. */
  readonly policy: string
}

export type PickNumbers = (
  tenantId: string | undefined,
  plan: string | null | undefined,
  identity: Pick<Identity, 'claims'> | null,
) => Numbers

export function applyVariant(config: LimitConfig, own: LimitVariant): LimitConfig {
  return { ...config, ...own }
}

export function compileNumbers(config: LimitConfig): PickNumbers {
  const base = toNumbers(config)
  const byTenant = compileVariants(config, config.tenants)
  const byPlan = compileVariants(config, config.plans)
  const claim = config.claim
  return (tenantId, plan, identity) => {
    const ofTenant = tenantId === undefined ? undefined : byTenant.get(tenantId)
    const ofPlan = plan ? byPlan.get(plan) : undefined
    const numbers = ofTenant ?? ofPlan ?? base
    if (claim === undefined || identity === null) return numbers
    const limit = toLimit(identity.claims, claim)
    return limit === null || limit === numbers.limit ? numbers : toNumbers({ ...config, ...numbers, limit })
  }
}

function compileVariants(config: LimitConfig, variants: Readonly<Record<string, LimitVariant>>) {
  return new Map(Object.entries(variants).map(([name, own]) => [name, toNumbers(applyVariant(config, own))]))
}

function toNumbers(config: LimitConfig): Numbers {
  const { limit, windowMs, burst, cost } = config
  return { limit, windowMs, burst, cost, policy: toPolicyItem(config) }
}

/** null: the claim is missing or holds no whole number; the configured numbers hold. 0 refuses everything. */
function toLimit(claims: Readonly<Record<string, unknown>>, claim: string): number | null {
  if (!Object.hasOwn(claims, claim)) return null
  const value = claims[claim]
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) return null
  return Math.min(number, mostUnits)
}
