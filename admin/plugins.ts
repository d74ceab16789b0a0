// /admin/plugins: the chain. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import type { Json } from '../gateway/contract/control-api.ts'
import { listCollection } from './collections.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { applyEdit, describeEdit, withDryRun } from './edits.ts'
import { checkPreconditions, etagOf, isNotModified } from './etag.ts'
import { badBody } from './problems.ts'
import { isList, isObject, placeOfPlugin } from './redact.ts'
import { registerResource } from './resources.ts'
import {
  bodiless,
  conditionalRead,
  conditionalWrite,
  describedAs,
  dryRunMark,
  tagged,
  writeQuery,
} from './route-schemas.ts'

const chain = listCollection('plugins', 'plugins')

export function registerPlugins(app: AdminApp, context: AdminContext): void {
  registerOrder(app, context)
  registerResource(app, context, {
    path: '/admin/plugins',
    singular: 'plugin',
    plural: 'plugins',
    idMember: 'id',
    collection: chain,
    schema: 'Plugin',
    reservedIds: ['order'],
    ordered: true,
    filters: [
      {
        name: 'plugin',
        description: 'Only instances of this plugin.',
        passes: (entry, wanted) => entry.plugin === wanted,
      },
      {
        name: 'tenant',
        description: 'Only instances whose scope names this tenant.',
        passes: (entry, wanted) => isListed(isObject(entry.scope) ? entry.scope.tenants : undefined, wanted),
      },
    ],
    actions: [
      { name: 'enable', summary: 'Enable a plugin', patch: { enabled: true } },
      { name: 'disable', summary: 'Disable a plugin; it stays in the file', patch: { enabled: false } },
    ],
    secretsIn: (stored) => placeOfPlugin(stored, context.control.schemas().plugins),
  })
}

function isListed(list: Json | undefined, wanted: string): boolean {
  return isList(list) && list.includes(wanted)
}

const orderSchema = Type.Object(
  { order: Type.Array(Type.String(), { description: 'Ids, first to last.' }) },
  { additionalProperties: false },
)

function registerOrder(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/plugins/order',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['plugins'],
        summary: 'Read the order of the chain',
        headers: conditionalRead,
        response: {
          200: tagged(
            orderSchema,
            'The order. Its ETag changes when the order does, not when a plugin does.',
          ),
          304: bodiless('Not changed.'),
        },
      },
    },
    (request, reply) => {
      const order = chain.entries(context.control.files()).map((entry) => entry.id ?? '')
      reply.header('etag', etagOf(order))
      if (isNotModified(request.headers, etagOf(order))) return reply.code(304).send()
      return reply.send({ order })
    },
  )
  app.put(
    '/admin/plugins/order',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['plugins'],
        summary: 'Reorder the chain',
        querystring: writeQuery,
        headers: conditionalWrite,
        body: describedAs(orderSchema, 'Every id exactly once.') as typeof orderSchema,
        response: {
          200: tagged(Type.Object({ ...orderSchema.properties, ...dryRunMark }), 'Reordered.'),
        },
      },
    },
    async (request, reply) => {
      const { order } = request.body
      const applied = await applyEdit(context, request, (files) => {
        const entries = chain.entries(files)
        checkPreconditions(request.headers, etagOf(entries.map((entry) => entry.id ?? '')))
        const byId = new Map(entries.map((entry) => [entry.id ?? '', entry]))
        checkPermutation(order, [...byId.keys()])
        const next = order.flatMap((id) => byId.get(id) ?? [])
        return { files: chain.replace(files, next), result: order, place: null }
      })
      describeEdit(reply, applied)
      return reply.header('etag', etagOf(order)).send(withDryRun(request, { order }))
    },
  )
}

function checkPermutation(order: readonly string[], ids: readonly string[]): void {
  const seen = new Set<string>()
  for (const [index, id] of order.entries()) {
    if (!ids.includes(id)) throw badBody(`/order/${index}`, `There is no plugin ${JSON.stringify(id)}.`)
    if (seen.has(id)) throw badBody(`/order/${index}`, `${JSON.stringify(id)} is there twice.`)
    seen.add(id)
  }
  const missing = ids.filter((id) => !seen.has(id))
  if (missing.length > 0)
    throw badBody('/order', `The order must name every plugin; missing: ${missing.join(', ')}.`)
}
