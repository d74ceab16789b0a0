// Names of upstreams across threads: a tenant's own part of an upstream (`{tenant}` in its service) has a key of its own.
import type { DiscoveryConfig } from './snapshot.ts'

/** Neither upstream names nor tenant ids hold a slash, so that two different pairs never share a key. */
export function toUpstreamKey(upstream: string, tenant: string | null): string {
  return tenant === null ? upstream : `${upstream}/${tenant}`
}

export function splitUpstreamKey(key: string): { readonly upstream: string; readonly tenant: string | null } {
  const slash = key.indexOf('/')
  if (slash < 0) return { upstream: key, tenant: null }
  return { upstream: key.slice(0, slash), tenant: key.slice(slash + 1) }
}

export function isPerTenant(discovery: DiscoveryConfig | null): boolean {
  return discovery !== null && lookedUpName(discovery).includes('{tenant}')
}

/** The service in Consul, or the name in DNS, with `{tenant}` still in it. */
export function lookedUpName(discovery: DiscoveryConfig): string {
  return discovery.kind === 'consul' ? discovery.service : discovery.name
}

/** Endpoints that were found by other settings are not taken for those of these. */
export function toSourceKey(discovery: DiscoveryConfig | null): string {
  return JSON.stringify(discovery)
}
