// /admin/upstreams, with the health of their endpoints. Main thread.
import { mapCollection } from './collections.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { registerResource } from './resources.ts'
import { placeOf } from './secret-places.ts'

export function registerUpstreams(app: AdminApp, context: AdminContext): void {
  registerResource(app, context, {
    path: '/admin/upstreams',
    singular: 'upstream',
    plural: 'upstreams',
    idMember: 'name',
    // What a GET shows may be sent back by a PUT: the live member is then left out of the file.
    collection: mapCollection('routes', 'upstreams', ['endpoints']),
    schema: 'Upstream',
    reservedIds: [],
    ordered: false,
    filters: [],
    actions: [],
    secretsIn: () => placeOf(undefined),
    liveMembers: (name) => {
      const now = context.clock.monotonicMs()
      const endpoints = context.control
        .health()
        .filter(({ upstream }) => upstream === name)
        .map(({ target, healthy, ejectedUntilMs }) => ({
          target,
          healthy,
          ejectedForMs: Math.max(0, Math.ceil(ejectedUntilMs - now)),
        }))
      return { endpoints }
    },
  })
}
