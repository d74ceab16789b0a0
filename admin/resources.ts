// One CRUD over a collection in a config file: plugins, routes, tenants and upstreams are four uses of it. Main thread.
import { type TSchema, Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { isNotModified } from './etag.ts'
import { type PageQuery, pageOf, pageQuery, pageSchema } from './paging.ts'
import { notFound } from './problems.ts'
import { idParams, type ResourceKind } from './resource-kind.ts'
import { describeResource, type Presented, present } from './resource-view.ts'
import { registerResourceWrites } from './resource-writes.ts'
import { bodiless, conditionalRead, querySchema, reference, tagged } from './route-schemas.ts'

export function registerResource(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  registerList(app, context, kind)
  registerRead(app, context, kind)
  registerResourceWrites(app, context, kind)
}

function registerList(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  const filters: Record<string, TSchema> = Object.fromEntries(
    kind.filters.map(({ name, description }) => [name, Type.Optional(Type.String({ description }))]),
  )
  app.get(
    kind.path,
    {
      config: { access: 'viewer' },
      schema: {
        tags: [kind.plural],
        summary: `List the ${kind.plural}${kind.ordered ? ' in chain order' : ''}`,
        querystring: querySchema({ ...pageQuery, ...filters }),
        response: { 200: pageSchema(reference(kind.schema)) },
      },
    },
    (request: FastifyRequest) => {
      const query = request.query as PageQuery & Record<string, string | undefined>
      const all = listResources(context, kind).filter(({ id, stored }) =>
        kind.filters.every(({ name, passes }) => {
          const wanted = query[name]
          return wanted === undefined || passes(kind.collection.toResource(id, stored), wanted)
        }),
      )
      const page = pageOf(all, (one) => one.id, query)
      return { ...page, data: page.data.map((one) => present(kind, request, one)) }
    },
  )
}

function registerRead(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  app.get(
    `${kind.path}/:id`,
    {
      config: { access: 'viewer' },
      schema: {
        tags: [kind.plural],
        summary: `Read one ${kind.singular}`,
        params: idParams,
        headers: conditionalRead,
        response: {
          200: tagged(reference(kind.schema), `The ${kind.singular} as it stands in the file.`),
          304: bodiless('Not changed.'),
        },
      },
    },
    (request, reply) => {
      const found = listResources(context, kind).find((one) => one.id === request.params.id)
      if (found === undefined) throw notFound(`${kind.singular} ${JSON.stringify(request.params.id)}`)
      const { etag } = describeResource(reply, found)
      // An answer with live members is never "not modified": they change without the tag.
      if (kind.liveMembers === undefined && isNotModified(request.headers, etag))
        return reply.code(304).send()
      return reply.send(present(kind, request, found))
    },
  )
}

function listResources(context: AdminContext, kind: ResourceKind): Presented[] {
  return kind.collection
    .entries(context.control.files())
    .flatMap(({ id, stored }) => (id === null ? [] : [{ id, stored: stored as JsonObject }]))
}
