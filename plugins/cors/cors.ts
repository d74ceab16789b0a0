// Answers preflights and marks responses (Fetch standard, section 3.2). Worker thread; called by index.ts.
import type { RequestView, ResponseView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { PluginPorts } from '../../gateway/contract/ports.ts'
import { answer, deny } from '../../gateway/contract/reply.ts'
import { createOriginSet, maxOriginLength, type OriginSet } from './origin.ts'
import type { CorsConfig, CorsSettings } from './schema.ts'

/** The settings of one tenant (or of all others), joined into header values. */
interface Policy {
  readonly origins: OriginSet
  readonly preflight: readonly string[]
  readonly exposed: string
  readonly credentials: boolean
  readonly privateNetwork: boolean
}

const foreignSocket = deny(403, 'AEGIS_ORIGIN_DENIED', 'WebSockets are not opened for pages of this origin.')

export function createCors(config: CorsConfig, ports: Pick<PluginPorts, 'slot'>): Plugin {
  const { tenants, ...general } = config
  const fallback = compilePolicy(general)
  const own = new Map(
    Object.entries(tenants).map(([id, over]) => [id, compilePolicy({ ...general, ...over })]),
  )

  function pickPolicy(ex: Pick<RequestView, 'tenant' | 'hostTenant'>): Policy {
    const tenant = ex.tenant ?? ex.hostTenant
    return (tenant === null ? undefined : own.get(tenant.id)) ?? fallback
  }

  return {
    onRequest(ex): Verdict {
      if (ex.header('upgrade')?.toLowerCase() === 'websocket') return refuseForeignSocket(ex, pickPolicy(ex))
      if (ex.method !== 'OPTIONS') return undefined
      const origin = ex.header('origin')
      if (origin === undefined || ex.header('access-control-request-method') === undefined) return undefined
      const privately = ex.header('access-control-request-private-network') === 'true'
      ex.setSlot(ports.slot, true)
      return answer(204, toPreflightHeaders(pickPolicy(ex), origin, privately))
    },
    onResponse(ex) {
      // Our own preflight is complete as it is.
      if (ex.getSlot(ports.slot) === true) return
      removeForeign(ex)
      mark(ex, pickPolicy(ex))
    },
  }
}

/**
 * Browsers send cookies with a WebSocket handshake from any page and ask nobody first (cross-site WebSocket hijacking,
 * RFC 6455 section 10.2), so the origin is judged here. Clients that are no browsers send none.
 */
function refuseForeignSocket(ex: RequestView, policy: Policy): Verdict {
  const origin = ex.header('origin')
  if (origin === undefined || isOwnPage(origin, ex)) return undefined
  // "*" is never together with credentials, and here cookies are what it would let in.
  const allowed = policy.origins.any ? ex.header('cookie') === undefined : policy.origins.has(origin)
  return allowed ? undefined : foreignSocket
}

/** Cookies know no ports. A page without TLS is not the same as one with: anybody on the way can write it. */
function isOwnPage(origin: string, { host, scheme }: RequestView): boolean {
  const page = origin.length > maxOriginLength ? null : URL.parse(origin)
  return page !== null && page.hostname === host && (scheme === 'http' || page.protocol === 'https:')
}

function compilePolicy(settings: CorsSettings): Policy {
  return {
    origins: createOriginSet(settings.origins),
    preflight: [
      ...['access-control-allow-methods', settings.methods.join(', ')],
      ...['access-control-allow-headers', settings.headers.join(', ')],
      ...['access-control-max-age', String(settings.maxAgeSeconds)],
    ],
    exposed: settings.exposeHeaders.join(', '),
    credentials: settings.credentials,
    privateNetwork: settings.allowPrivateNetwork,
  }
}

function toPreflightHeaders(policy: Policy, origin: string, privately: boolean): string[] {
  const vary = policy.origins.any ? [] : ['vary', 'Origin']
  if (!policy.origins.has(origin)) return vary
  const headers = [
    'access-control-allow-origin',
    policy.origins.any ? '*' : origin,
    ...policy.preflight,
    ...vary,
  ]
  if (policy.credentials) headers.push('access-control-allow-credentials', 'true')
  if (privately && policy.privateNetwork) headers.push('access-control-allow-private-network', 'true')
  return headers
}

/** An upstream's word on CORS would contradict ours or widen it. */
function removeForeign(ex: ResponseView): void {
  for (const name of ex.responseHeaderNames()) {
    if (name.startsWith('access-control-')) ex.removeResponseHeader(name)
  }
}

function mark(ex: ResponseView, policy: Policy): void {
  if (!policy.origins.any) varyByOrigin(ex)
  const origin = ex.header('origin')
  // With "*" the headers are the same for everyone, so that caches need no Vary.
  const allowed = policy.origins.any
    ? '*'
    : origin !== undefined && policy.origins.has(origin)
      ? origin
      : null
  if (allowed === null) return
  ex.setResponseHeader('access-control-allow-origin', allowed)
  if (policy.credentials) ex.setResponseHeader('access-control-allow-credentials', 'true')
  if (policy.exposed !== '') ex.setResponseHeader('access-control-expose-headers', policy.exposed)
}

function varyByOrigin(ex: ResponseView): void {
  const vary = ex.responseHeader('vary') ?? ''
  const names = vary.toLowerCase().split(',')
  if (names.some((name) => name.trim() === 'origin' || name.trim() === '*')) return
  const lines = ex.responseHeaderNames().filter((name) => name === 'vary').length
  // Only the first line can be read: of several, none may be overwritten.
  if (lines > 1) ex.appendResponseHeader('vary', 'Origin')
  else ex.setResponseHeader('vary', vary === '' ? 'Origin' : `${vary}, Origin`)
}
