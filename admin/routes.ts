// /admin/routes. Main thread.
import { listCollection } from './collections.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { isList, isObject } from './redact.ts'
import { registerResource } from './resources.ts'
import { placeOf } from './secret-places.ts'

export function registerRoutes(app: AdminApp, context: AdminContext): void {
  registerResource(app, context, {
    path: '/admin/routes',
    singular: 'route',
    plural: 'routes',
    idMember: 'id',
    collection: listCollection('routes', 'routes'),
    schema: 'Route',
    reservedIds: [],
    ordered: false,
    filters: [
      {
        name: 'upstream',
        description: 'Only routes that lead to this upstream.',
        passes: ({ upstream }, wanted) =>
          upstream === wanted ||
          (isList(upstream) && upstream.some((one) => isObject(one) && one.name === wanted)),
      },
      {
        name: 'host',
        description: 'Only routes that list exactly this host.',
        passes: ({ hosts }, wanted) => isList(hosts) && hosts.includes(wanted),
      },
    ],
    actions: [],
    secretsIn: () => placeOf(undefined),
  })
}
