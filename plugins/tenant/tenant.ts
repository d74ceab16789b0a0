// The request hook: one tenant out of host, credential and header, or a refusal when they do not agree. Worker thread.
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import { deny, type Reply } from '../../gateway/contract/reply.ts'
import type { TenantConfig } from './schema.ts'

/** The id that a place names, known or not; null when it names none. */
type Reader = (ex: RequestView) => string | null

interface Source {
  readonly read: Reader
  /** True when only a proxy's word stands behind it. */
  readonly isHeader: boolean
}

const mismatch = deny(403, 'AEGIS_TENANT_MISMATCH', 'The request names two different tenants.')
const unbound = deny(403, 'AEGIS_TENANT_MISMATCH', 'The credential does not belong to this tenant.')
const suspended = deny(403, 'AEGIS_TENANT_SUSPENDED', 'This tenant is suspended.')
const unknown: Readonly<Record<number, Reply>> = {
  400: deny(400, 'AEGIS_TENANT_UNKNOWN', 'The request names no known tenant.'),
  403: deny(403, 'AEGIS_TENANT_UNKNOWN', 'The request names no known tenant.'),
  404: deny(404, 'AEGIS_TENANT_UNKNOWN', 'The request names no known tenant.'),
}

export function createTenantGuard(config: TenantConfig): Plugin {
  const sharedHosts = new Set(config.sharedHosts.map((host) => host.toLowerCase()))
  const readHost: Reader = (ex) => (sharedHosts.has(ex.host) ? null : ex.hostTenantId)
  const sources = config.sources.map((source) => createSource(source, readHost))
  const refuseUnknown = (ex: Pick<RequestView, 'unknownTenantStatus'>): Verdict =>
    config.required ? unknown[config.unknownStatus ?? ex.unknownTenantStatus] : undefined

  return {
    onRequest(ex) {
      const found = findFirst(sources, ex)
      if (found === null) return refuseUnknown(ex)
      // A host that belongs to a tenant always has a say, whether or not it is listed as a source.
      if (ex.hostTenant !== null && ex.hostTenant.id !== found.id) return mismatch
      const tenant = ex.findTenant(found.id)
      if (tenant === undefined) return refuseUnknown(ex)
      if (contradicts(found.id, sources, ex)) return mismatch
      const isUnbound = ex.identity !== null && ex.identity.tenantId === null
      if (found.isHeader && isUnbound && !config.allowUnboundCredentials) return unbound
      if (tenant.status === 'suspended') return suspended
      ex.tenant = tenant
      return undefined
    },
    onRecheck(ex) {
      if (ex.tenant === null) return undefined
      const tenant = ex.findTenant(ex.tenant.id)
      if (tenant === undefined) return refuseUnknown(ex)
      return tenant.status === 'suspended' ? suspended : undefined
    },
  }
}

function createSource(source: TenantConfig['sources'][number], readHost: Reader): Source {
  if (source === 'host') return { read: readHost, isHeader: false }
  if (source === 'claim') return { read: readClaim, isHeader: false }
  const name = source.header.toLowerCase()
  return { read: (ex) => (ex.peerTrusted ? (ex.header(name)?.trim() ?? null) || null : null), isHeader: true }
}

function readClaim(ex: RequestView): string | null {
  return ex.identity?.tenantId ?? null
}

function findFirst(sources: readonly Source[], ex: RequestView): { id: string; isHeader: boolean } | null {
  for (const { read, isHeader } of sources) {
    const id = read(ex)
    if (id !== null) return { id, isHeader }
  }
  return null
}

/** True when anything else names another tenant. The credential always has a say, whether or not it is listed as a source. */
function contradicts(id: string, sources: readonly Source[], ex: RequestView): boolean {
  const claimed = readClaim(ex)
  if (claimed !== null && claimed !== id) return true
  for (const { read } of sources) {
    const other = read(ex)
    if (other !== null && other !== id) return true
  }
  return false
}
