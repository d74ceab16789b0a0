// What the config says for one route and tenant: mode, levels, what is left out. Worker thread.
import type { Levels, WafConfig } from './schema.ts'
import type { Exclusions } from './seclang/controls.ts'
import type { Pair } from './seclang/types.ts'
import type { ExclusionText, Waf } from './seclang/waf.ts'

export interface Policy {
  readonly mode: WafConfig['mode']
  /** First values of TX. */
  readonly variables: readonly Pair[]
}

export interface Policies {
  of(tenant: string | null): Policy
}

export function createPolicies(config: WafConfig): Policies {
  const usual = toPolicy(config.mode, config)
  const tenants = new Map(
    Object.entries(config.tenants).map(([id, own]) => [
      id,
      toPolicy(own.mode ?? config.mode, { ...config, ...own }),
    ]),
  )
  return { of: (tenant) => (tenant === null ? usual : (tenants.get(tenant) ?? usual)) }
}

function toPolicy(mode: WafConfig['mode'], levels: Levels): Policy {
  return { mode, variables: toVariables(levels) }
}

/** By the names of CRS 4 and CRS 3, whose initialisation leaves alone what is set already. */
export function toVariables({ paranoiaLevel, inboundThreshold, outboundThreshold }: Levels): Pair[] {
  const level = [
    'blocking_paranoia_level',
    'detection_paranoia_level',
    'paranoia_level',
    'executing_paranoia_level',
  ]
  return [
    // Where no crs-setup.conf was read: the rules refuse everything without it.
    ['crs_setup_version', '400'],
    ...level.map((name) => [name, paranoiaLevel] as const),
    ['inbound_anomaly_score_threshold', inboundThreshold] as const,
    ['outbound_anomaly_score_threshold', outboundThreshold] as const,
  ].flatMap(([name, value]) => (value === undefined ? [] : [[name as string, String(value)] as const]))
}

export type ExclusionFinder = (route: string, tenant: string | null) => Exclusions | null

/** Throws for an exclusion that the engine cannot read; the message begins with its place in the config. */
export function createExclusionFinder(waf: Waf, config: Pick<WafConfig, 'exclusions'>): ExclusionFinder {
  const texts = config.exclusions.map((one) => toText(one))
  texts.forEach((text, index) => {
    try {
      waf.compileExclusions([text])
    } catch (error) {
      throw new Error(`exclusions/${index}: ${(error as Error).message}`)
    }
  })
  if (texts.length === 0) return () => null
  // As many as there are different sets of exclusions that apply together.
  const compiled = new Map<string, Exclusions | null>()
  return (route, tenant) => {
    const applying = config.exclusions.flatMap((one, index) => (applies(one, route, tenant) ? index : []))
    const key = applying.join()
    let found = compiled.get(key)
    if (found === undefined) {
      found =
        applying.length === 0
          ? null
          : waf.compileExclusions(applying.map((index) => texts[index] as ExclusionText))
      compiled.set(key, found)
    }
    return found
  }
}

type Exclusion = WafConfig['exclusions'][number]

function applies({ routes, tenants }: Exclusion, route: string, tenant: string | null): boolean {
  if (routes.length > 0 && !routes.includes(route)) return false
  return tenants.length === 0 || (tenant !== null && tenants.includes(tenant))
}

function toText({ ruleIds, tags, targets }: Exclusion): ExclusionText {
  return { ruleIds: ruleIds.map(String), tags, targets }
}
