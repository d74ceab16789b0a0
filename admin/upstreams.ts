// /admin/upstreams, with the health of their endpoints. Main thread.
import { splitUpstreamKey } from '../gateway/contract/upstream-key.ts'
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
    // What a GET shows may be sent back by a PUT: the live members are then left out of the file.
    collection: mapCollection('routes', 'upstreams', ['endpoints', 'discovery']),
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
        .flatMap(({ upstream: key, target, healthy, ejectedUntilMs }) => {
          const { upstream, tenant } = splitUpstreamKey(key)
          if (upstream !== name) return []
          const ejectedForMs = Math.max(0, Math.ceil(ejectedUntilMs - now))
          return [{ ...(tenant === null ? {} : { tenant }), target, healthy, ejectedForMs }]
        })
      const discovery = context.control
        .discovery()
        .filter(({ upstream }) => upstream === name)
        .map(({ upstream: _, ...state }) => state)
      return discovery.length === 0 ? { endpoints } : { endpoints, discovery }
    },
  })
}
