// /admin/tenants. Main thread.
import { listCollection } from './collections.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { registerResource } from './resources.ts'
import { placeOf } from './secret-places.ts'

export function registerTenants(app: AdminApp, context: AdminContext): void {
  registerResource(app, context, {
    path: '/admin/tenants',
    singular: 'tenant',
    plural: 'tenants',
    idMember: 'id',
    collection: listCollection('routes', 'tenants'),
    schema: 'Tenant',
    reservedIds: [],
    ordered: false,
    filters: [
      {
        name: 'plan',
        description: 'Only tenants on this plan.',
        passes: ({ plan }, wanted) => plan === wanted,
      },
      {
        name: 'status',
        description: 'active or suspended.',
        passes: ({ status }, wanted) => (status ?? 'active') === wanted,
      },
    ],
    actions: [
      { name: 'suspend', summary: 'Suspend a tenant: its requests get 403', patch: { status: 'suspended' } },
      { name: 'activate', summary: 'Activate a suspended tenant', patch: { status: 'active' } },
    ],
    secretsIn: () => placeOf(undefined),
  })
}
