// The decision of the rbac plugin, in order: the route's roles, config's roles, the token's own permissions, and what the
// upstream says. Worker thread; called by index.ts.
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { CounterChild, PluginPorts } from '../../gateway/contract/ports.ts'
import { deny } from '../../gateway/contract/reply.ts'
import type { RouteConfig } from '../../gateway/contract/snapshot.ts'
import { answerControl } from './control.ts'
import { Decider, type Outcome } from './decider.ts'
import { permitsAny, toAction } from './permission.ts'
import { toPart } from './question.ts'
import { createRoleTables, type RoleTables } from './roles.ts'
import type { RbacConfig } from './schema.ts'
import { createSharedLevel } from './shared-level.ts'
import { createWorkerCache } from './worker-cache.ts'

type Result = Outcome | 'unauthenticated' | 'foreign tenant' | 'role missing'

interface Consequence {
  readonly verdict: Verdict
  readonly counter: CounterChild
}

export function createRbac(config: RbacConfig, ports: PluginPorts): Plugin {
  const tables = createRoleTables(config)
  const worker = createWorkerCache(config.maxEntries)
  const { sharedCache: cache, clock, log, id } = ports
  const maxTtlMs = config.maxTtlSeconds * 1_000
  const shared = cache === null ? null : createSharedLevel({ cache, clock, log, id, maxTtlMs })
  const decider = new Decider(config, ports, { worker, shared })
  const judge = createJudge(config, tables, decider)
  const consequences = bindConsequences(config, ports)
  const settle = (result: Result): Verdict => {
    const { verdict, counter } = consequences[result]
    counter.inc()
    return verdict
  }

  return {
    onRequest(ex) {
      if (ex.route.roles.length === 0 && ex.route.permission === null) return undefined
      const result = judge(ex)
      return typeof result === 'string' ? settle(result) : result.then(settle)
    },
    onControl: (operation, args) =>
      answerControl({ ports, tables, worker, shared, decider }, operation, args),
  }
}

function createJudge(config: RbacConfig, tables: RoleTables, decider: Decider) {
  const authorityOf = createAuthorities(config.subrequest.path)

  return (ex: RequestView): Result | Promise<Result> => {
    const { route, identity } = ex
    // Also where the route's `auth` let it pass: who asks for a role or a permission asks for somebody.
    if (identity === null) return 'unauthenticated'
    // jwt and tenant refuse this too; here it would turn one tenant's roles into another's.
    const here = ex.tenant ?? ex.hostTenant
    if (here !== null && identity.tenantId !== null && here.id !== identity.tenantId) return 'foreign tenant'
    const tenant = ex.tenant?.id ?? identity.tenantId
    const table = tables(tenant)
    if (route.roles.length > 0 && !table.hasAny(identity.roles, route.roles)) return 'role missing'
    if (route.permission === null) return 'allow'
    const { resource } = route.permission
    const action = toAction(route.permission.action, ex.method)
    if (table.permits(identity.roles, resource, action)) return 'allow'
    if (config.trustTokenPermissions && permitsAny(identity.permissions, resource, action)) return 'allow'
    if (!config.subrequest.enabled) return 'deny'
    const { userId: user, roles } = identity
    return decider.decide(ex, { tenant, user, authority: authorityOf(ex, tenant), roles, resource, action })
  }
}

function bindConsequences(config: RbacConfig, { metrics }: PluginPorts): Record<Result, Consequence> {
  const help = 'Authorization decisions on routes that ask for roles or a permission.'
  const family = metrics.counter('aegis_rbac_decisions_total', help, ['result'])
  const refused = family.labels('deny')
  const lost = config.onUnavailable === 'allow'
  const retryAfter = String(Math.max(1, Math.ceil(config.failureTtlMs / 1_000)))
  const unavailable = deny(
    503,
    'AEGIS_AUTHORIZATION_UNAVAILABLE',
    'Your permissions cannot be checked now.',
    ['retry-after', retryAfter],
  )
  return {
    allow: { verdict: undefined, counter: family.labels('allow') },
    deny: { verdict: deny(403, 'AEGIS_PERMISSION_DENIED', 'You may not do this.'), counter: refused },
    'role missing': {
      verdict: deny(403, 'AEGIS_ROLE_REQUIRED', 'None of your roles may use this.'),
      counter: refused,
    },
    'foreign tenant': {
      verdict: deny(403, 'AEGIS_TENANT_MISMATCH', 'The token belongs to another tenant.'),
      counter: refused,
    },
    unauthenticated: {
      verdict: deny(401, 'AEGIS_UNAUTHENTICATED', 'This needs a token.', ['www-authenticate', 'Bearer']),
      counter: family.labels('unauthenticated'),
    },
    unavailable: {
      verdict: lost ? undefined : unavailable,
      counter: family.labels(lost ? 'unavailable-allowed' : 'unavailable'),
    },
  }
}

/** Names who would be asked. Where no tenant is known, the Host's still keeps two tenants' answers apart. */
function createAuthorities(path: string): (ex: RequestView, tenant: string | null) => string {
  // Keyed by an object of the snapshot, so that it is bounded by the routes and leaves with them.
  const byRoute = new WeakMap<RouteConfig, string>()
  return (ex, tenant) => {
    let authority = byRoute.get(ex.route)
    if (authority === undefined) {
      const names = ex.route.upstream.map(({ name }) => name)
      authority = [path, ...names.toSorted()].map(toPart).join('')
      byRoute.set(ex.route, authority)
    }
    return tenant === null ? authority + toPart(ex.hostTenant?.id ?? null) : authority
  }
}
