// /admin/schemas: the JSON Schemas of the config files and of every plugin's config, for editors and forms. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import type { AdminApp, AdminContext } from './context.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { notFound } from './problems.ts'
import { describedAs, querySchema } from './route-schemas.ts'

const tag = ['schemas']
const jsonSchema = Type.Unsafe<object>({ type: 'object', additionalProperties: true })
const entry = Type.Object({ name: Type.String(), schema: jsonSchema })

export function registerSchemas(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/schemas/plugins/:name',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: "Read the JSON Schema of one plugin's config",
        params: Type.Object({ name: Type.String() }),
        response: { 200: describedAs(jsonSchema, 'The schema.') },
      },
    },
    (request) => {
      const { name } = request.params
      const { plugins } = context.control.schemas()
      if (!Object.hasOwn(plugins, name)) throw notFound(`plugin named ${JSON.stringify(name)}`)
      return plugins[name]
    },
  )
  app.get(
    '/admin/schemas/plugins',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'List the plugins that exist, each with the JSON Schema of its config',
        querystring: querySchema(pageQuery),
        response: { 200: pageSchema(entry) },
      },
    },
    (request) => {
      const all = Object.entries(context.control.schemas().plugins)
      const sorted = all
        .map(([name, schema]) => ({ name, schema }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
      return pageOf(sorted, (one) => one.name, request.query)
    },
  )
  app.get(
    '/admin/schemas/:file',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'Read the JSON Schema of a config file',
        description:
          'The schema of plugins.json is at `/admin/schemas/plugins.json`: `/admin/schemas/plugins` lists the plugins.',
        params: Type.Object({
          file: Type.String({ description: 'gateway, routes or plugins, with or without .json' }),
        }),
        response: { 200: describedAs(jsonSchema, 'The schema.') },
      },
    },
    (request) => {
      const name = request.params.file.replace(/\.json$/, '')
      const { files } = context.control.schemas()
      if (name !== 'gateway' && name !== 'routes' && name !== 'plugins') {
        throw notFound(
          `config file ${JSON.stringify(request.params.file)}; there are gateway, routes and plugins`,
        )
      }
      return files[name]
    },
  )
}
