// Host to tenant: subdomains of the base domains and custom domains. Compiled once per config; worker thread.
import type { Snapshot, Tenant } from '../contract/snapshot.ts'

export interface TenantDirectory {
  byId(id: string): Tenant | undefined
  /** What the host names: the id as spelled (known or not) and the tenant if it is known; null when it names none. */
  byHost(host: string): { readonly id: string; readonly tenant: Tenant | null } | null
}

export function createTenantDirectory(snapshot: Snapshot): TenantDirectory {
  const ids = new Map(snapshot.tenants.map((tenant) => [tenant.id, tenant]))
  const custom = new Map(
    snapshot.tenants.flatMap((tenant) =>
      tenant.hosts.map((host) => [host, { id: tenant.id, tenant }] as const),
    ),
  )
  const bases = new Set(snapshot.tenancy.baseDomains)
  return {
    byId: (id) => ids.get(id),
    byHost(host) {
      const own = custom.get(host)
      if (own !== undefined) return own
      const dot = host.indexOf('.')
      if (dot <= 0 || !bases.has(host.slice(dot + 1))) return null
      const id = host.slice(0, dot)
      return { id, tenant: ids.get(id) ?? null }
    },
  }
}
