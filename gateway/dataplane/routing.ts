// The second station: which route and which tenant the request names. Worker thread.
import { answer, deny, type Reply } from '../contract/reply.ts'
import type { Exchange } from './exchange.ts'

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
  let match = router.find(ex)
  if ((match === undefined || 'allow' in match) && isPreflight(ex)) {
    // CORS asks on behalf of the method to come: that method's route, and its chain, give the answer.
    const asked = router.find(asMethod(ex, ex.header('access-control-request-method') as string))
    if (asked !== undefined && !('allow' in asked)) {
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

function asMethod(ex: Exchange, method: string) {
  return { method, host: ex.host, path: ex.path, header: (name: string) => ex.header(name) }
}
