// Two tenants, a shared upstream and one that may be another for each of them; tests say where these are found.

export const discoveryPlugins = [
  { id: 'tenant', plugin: 'tenant' },
  { id: 'observability', plugin: 'observability' },
]

export function createDiscoveryConfig(
  consul: { readonly url: string } | null,
  upstreams: { readonly shared: object; readonly own: object },
) {
  return {
    gateway: consul === null ? {} : { consul: { url: consul.url } },
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [{ id: 'tenant123' }, { id: 'tenant456' }],
      upstreams,
      routes: [
        { id: 'shared', paths: ['/shared'], upstream: 'shared', auth: 'none' },
        { id: 'own', paths: ['/own'], upstream: 'own', auth: 'none' },
      ],
    },
    plugins: discoveryPlugins,
  }
}
