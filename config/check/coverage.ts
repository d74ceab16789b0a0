// A route that asks for a known caller, a role or a permission must be covered by plugins that enforce it. Without
// this check a disabled plugin would silently open the route.
import type { PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { Report } from '../problems.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { quote } from '../wording.ts'
import type { Entry } from './places.ts'
import type { ChainEntry } from './plugins.ts'

type Route = RoutesFile['routes'][number]
type Enforced = NonNullable<PluginDefinition['enforces']>[number]

export interface CoverageCheck {
  readonly routes: readonly Entry<Route>[]
  readonly chain: readonly ChainEntry[]
  /** All known plugins, to name a remedy. */
  readonly definitions: Iterable<PluginDefinition>
  readonly report: Report
}

export function checkCoverage(check: CoverageCheck): void {
  const definitions = [...check.definitions]
  for (const need of needs) {
    const covers = coverageOf(check.chain, need.enforced)
    const able = definitions
      .filter((one) => one.enforces?.includes(need.enforced))
      .map((one) => quote(one.name))
    const plugin = able.length === 0 ? 'a plugin that does' : able.join(' or ')
    for (const { value, pointer } of check.routes) {
      if (!need.asked(value) || covers(value.id)) continue
      check.report(`${pointer}/${need.enforced}`, `Route ${quote(value.id)}: ${need.sentence(plugin)}`)
    }
  }
}

const needs: readonly {
  readonly enforced: Enforced
  readonly asked: (route: Route) => boolean
  readonly sentence: (plugin: string) => string
}[] = [
  {
    enforced: 'auth',
    asked: (route) => route.auth === 'required',
    sentence: (plugin) =>
      `"auth" is "required" (the default), but no enabled plugin checks the caller on all requests of this route. Enable ${plugin} for it, or set "auth" to "none".`,
  },
  {
    enforced: 'roles',
    asked: (route) => route.roles.length > 0,
    sentence: (plugin) =>
      `"roles" are asked for, but no enabled plugin checks them on all requests of this route. Enable ${plugin} for it, or leave out "roles".`,
  },
  {
    enforced: 'permission',
    asked: (route) => route.permission !== undefined,
    sentence: (plugin) =>
      `a "permission" is asked for, but no enabled plugin checks it on all requests of this route. Enable ${plugin} for it, or leave out "permission".`,
  },
]

/** Tells of a route id whether an enabled entry enforces it on every request of that route. */
function coverageOf(chain: readonly ChainEntry[], enforced: Enforced): (routeId: string) => boolean {
  const able = chain.filter(({ value, definition }) => {
    if (!value.enabled || value.scope.tenants.length > 0 || value.scope.plans.length > 0) return false
    return definition?.enforces?.includes(enforced) === true
  })
  if (able.some(({ value }) => value.scope.routes.length === 0)) return () => true
  const covered = new Set(able.flatMap(({ value }) => value.scope.routes))
  return (routeId) => covered.has(routeId)
}
