// The second station: which route and which tenant the request names. Worker thread.
import { answer, deny, type Reply } from '../contract/reply.ts'
import type { RouteConfig } from '../contract/snapshot.ts'
import { malformed } from './admission.ts'
import type { Exchange } from './exchange.ts'
import { otherReadings } from './readings.ts'
import type { RouteRequest, Router } from './router.ts'
import type { CompiledRoute } from './runtime.ts'

const healthHeaders: readonly string[] = ['content-type', 'application/json', 'cache-control', 'no-store']

/** `/health` is the gateway's own on every host; no route can take it. */
export function answerHealth(ex: Exchange): Reply | undefined {
  if (ex.path !== '/health' || (ex.method !== 'GET' && ex.method !== 'HEAD')) return undefined
  return ex.runtime.draining()
    ? answer(503, healthHeaders, '{"status":"draining"}')
    : answer(200, healthHeaders, '{"status":"ok"}')
}

/** Fills in route, host tenant and upstream path; a Reply when there is no route. */
export function findRoute(ex: Exchange): Reply | undefined {
  const { router, tenants } = ex.runtime
  const named = ex.host === '' ? null : tenants.byHost(ex.host)
  if (named !== null) {
    ex.hostTenantId = named.id
    ex.hostTenant = named.tenant
  }
  let request: RouteRequest = ex
  let match = router.find(request)
  if ((match === undefined || 'allow' in match) && isPreflight(ex)) {
    // CORS asks on behalf of the method to come: that method's route, and its chain, give the answer.
    const onBehalf = asRequest(ex, ex.header('access-control-request-method') as string, ex.path)
    const asked = router.find(onBehalf)
    if (asked !== undefined && !('allow' in asked)) {
      request = onBehalf
      match = asked
      ex.preflight = true
    }
  }
  if (match === undefined) return deny(404, 'AEGIS_NO_ROUTE', 'No route matches this host and path.')
  if ('allow' in match) {
    return deny(405, 'AEGIS_METHOD_NOT_ALLOWED', `${ex.method} is not served on this path.`, [
      'allow',
      match.allow.join(', '),
    ])
  }
  if (ex.ambiguousPath) {
    const fault = findOtherReading(ex, request, match.entry.route)
    if (fault !== null) return malformed(ex, fault)
  }
  ex.match = match
  ex.route = match.entry.route
  ex.compiled = match.entry.compiled
  ex.chain = ex.compiled.chain
  ex.inspectUpTo = ex.chain.inspectUpTo
  ex.upstreamPath = ex.compiled.rewrite(ex.path, match)
  return undefined
}

function isPreflight(ex: Exchange): boolean {
  return (
    ex.method === 'OPTIONS' &&
    ex.header('origin') !== undefined &&
    ex.header('access-control-request-method') !== undefined
  )
}

function asRequest(ex: Exchange, method: string, path: string): RouteRequest {
  return { method, host: ex.host, path, header: (name) => ex.header(name) }
}

/**
 * A path that could be read otherwise goes up only where that makes no difference to policy: the other readings must
 * belong to the same route. null: they do, as far as they must.
 */
function findOtherReading(ex: Exchange, request: RouteRequest, route: RouteConfig): string | null {
  if (route.encodedSlashes === 'refuse' && ex.path.includes('%2F'))
    return 'An encoded slash in the path is not accepted.'
  const readings = otherReadings(ex.path)
  if (typeof readings === 'string') return readings
  const { router } = ex.runtime
  const apart = readings.some(
    ({ path, decoded }) => !agrees(route, router.find(asRequest(ex, request.method, path)), decoded),
  )
  return apart ? 'The path can be read in two ways that do not belong to the same route.' : null
}

/**
 * An escape is a character of its segment: where it decodes to a path of no route, nobody's policy is passed by. Routes
 * that keep encoded slashes say of their services that they read them so, too.
 */
function agrees(route: RouteConfig, found: ReturnType<Router<CompiledRoute>['find']>, decoded: boolean) {
  if (found === undefined) return decoded
  if ('allow' in found) return false
  const other = found.entry.route
  return other === route || (decoded && route.encodedSlashes === 'keep' && other.encodedSlashes === 'keep')
}
