// A route that asks for a known caller, a role or a permission must be covered by plugins that enforce it. Without
// this check a disabled plugin would silently open the route.
import type { PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { Report } from '../problems.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { quote } from '../wording.ts'
import type { Entry } from './places.ts'
import type { ChainEntry } from './plugins.ts'

type Route = RoutesFile['routes'][number]

export interface CoverageCheck {
  readonly routes: readonly Entry<Route>[]
  readonly chain: readonly ChainEntry[]
  /** Names of upstreams of which every tenant has its own part. */
  readonly perTenant: ReadonlySet<string>
  /** All known plugins, to name a remedy. */
  readonly definitions: Iterable<PluginDefinition>
  readonly report: Report
}

export function checkCoverage(check: CoverageCheck): void {
  const definitions = [...check.definitions]
  for (const need of needsOf(check.perTenant)) {
    const covers = coverageOf(check.chain, need.covers)
    const able = definitions.filter(need.covers).map((one) => quote(one.name))
    const plugin = able.length === 0 ? 'a plugin that does' : able.join(' or ')
    for (const { value, pointer } of check.routes) {
      if (!need.asked(value) || covers(value.id)) continue
      check.report(`${pointer}/${need.member}`, `Route ${quote(value.id)}: ${need.sentence(plugin)}`)
    }
  }
}

interface Need {
  /** Of the route; where the problem is shown. */
  readonly member: 'auth' | 'roles' | 'permission' | 'upstream'
  readonly asked: (route: Route) => boolean
  readonly covers: (plugin: PluginDefinition) => boolean
  readonly sentence: (plugin: string) => string
}

function needsOf(perTenant: ReadonlySet<string>): readonly Need[] {
  const tenant: Need = {
    member: 'upstream',
    asked: ({ upstream }) =>
      [upstream].flat().some((one) => perTenant.has(typeof one === 'string' ? one : one.name)),
    covers: ({ provides }) => provides?.includes('tenant') === true,
    sentence: (plugin) =>
      `its upstream is another one for every tenant, but no enabled plugin says whose all requests of this route are. Enable ${plugin} for it.`,
  }
  return [...needs, tenant]
}

const needs: readonly Need[] = [
  {
    member: 'auth',
    covers: ({ enforces }) => enforces?.includes('auth') === true,
    asked: (route) => route.auth === 'required',
    sentence: (plugin) =>
      `"auth" is "required" (the default), but no enabled plugin checks the caller on all requests of this route. Enable ${plugin} for it, or set "auth" to "none".`,
  },
  {
    member: 'roles',
    covers: ({ enforces }) => enforces?.includes('roles') === true,
    asked: (route) => route.roles.length > 0,
    sentence: (plugin) =>
      `"roles" are asked for, but no enabled plugin checks them on all requests of this route. Enable ${plugin} for it, or leave out "roles".`,
  },
  {
    member: 'permission',
    covers: ({ enforces }) => enforces?.includes('permission') === true,
    asked: (route) => route.permission !== undefined,
    sentence: (plugin) =>
      `a "permission" is asked for, but no enabled plugin checks it on all requests of this route. Enable ${plugin} for it, or leave out "permission".`,
  },
]

/** Tells of a route id whether an enabled entry of such a plugin runs on every request of that route. */
function coverageOf(chain: readonly ChainEntry[], covers: Need['covers']): (routeId: string) => boolean {
  // A lenient entry may take the place of a strict one, for some requests of any route.
  const lenient = new Set(chain.filter(isLenient).map(({ value }) => value.plugin))
  const able = chain.filter(({ value, definition }) => {
    if (!value.enabled || value.scope.tenants.length > 0 || value.scope.plans.length > 0) return false
    return definition !== undefined && definition !== null && covers(definition) && !lenient.has(value.plugin)
  })
  if (able.some(({ value }) => value.scope.routes.length === 0)) return () => true
  const covered = new Set(able.flatMap(({ value }) => value.scope.routes))
  return (routeId) => covered.has(routeId)
}

function isLenient({ value, definition }: ChainEntry): boolean {
  return value.enabled && definition?.isLenient?.(value.config as never) === true
}
