// /admin/config/versions and roll-back. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { ConfigFiles, EditOutcome } from '../gateway/contract/control-api.ts'
import { configTag, filesSchema, reloaded, visibleFiles } from './config.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { acceptOutcome, editOptions, withDryRun } from './edits.ts'
import { checkPreconditions } from './etag.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { notFound } from './problems.ts'
import { conditionalWrite, describedAs, querySchema, writeQuery } from './route-schemas.ts'

const tag = ['config']
const versionSchema = Type.Object({
  number: Type.Integer(),
  at: Type.String({ format: 'date-time' }),
  by: Type.String({ description: 'Name of the token, or what else caused it.' }),
  action: Type.String(),
  live: Type.Boolean({ description: 'Whether it is the one that runs.' }),
})
const numberParams = Type.Object({ n: Type.Integer({ minimum: 0, description: 'Number of the version.' }) })

export function registerHistory(app: AdminApp, context: AdminContext): void {
  registerVersions(app, context)
  registerRollback(app, context)
}

function registerVersions(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/config/versions',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'List the kept versions, newest first',
        querystring: querySchema(pageQuery),
        response: { 200: pageSchema(versionSchema) },
      },
    },
    (request) => {
      const newestFirst = context.control.versions().toSorted((a, b) => b.number - a.number)
      return pageOf(newestFirst, (version) => String(version.number), request.query, 'nothing')
    },
  )
  app.get(
    '/admin/config/versions/:n',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'Read the files of one version',
        params: numberParams,
        response: {
          200: describedAs(Type.Object({ ...versionSchema.properties, ...filesSchema }), 'The version.'),
        },
      },
    },
    (request) => {
      const { n } = request.params
      const version = context.control.versions().find((one) => one.number === n)
      const files = context.control.versionFiles(n)
      if (version === undefined || files === null) throw notFound(`kept version ${n}`)
      return { ...version, ...visibleFiles(context, request, files) }
    },
  )
}

function registerRollback(app: AdminApp, context: AdminContext): void {
  app.post(
    '/admin/config/rollback/:n',
    {
      config: { access: 'admin' },
      schema: {
        tags: tag,
        summary: 'Make routes and plugins of a kept version the newest ones; gateway.json is not touched',
        params: numberParams,
        querystring: writeQuery,
        headers: conditionalWrite,
        response: { 200: describedAs(reloaded, 'All workers run it, under a new number.') },
      },
    },
    async (request, reply) => {
      const { n } = request.params
      const files = context.control.versionFiles(n)
      if (files === null) throw notFound(`kept version ${n}`)
      const { version, warnings } = acceptOutcome(await rollBack(context, request, n, files), null)
      return reply.send(withDryRun(request, { version, warnings }))
    },
  )
}

/** With If-Match it goes through an edit, where the tag is compared with nothing in between. */
function rollBack(
  context: AdminContext,
  request: FastifyRequest,
  number: number,
  { routes, plugins }: ConfigFiles,
): Promise<EditOutcome> {
  const options = editOptions(request)
  if (request.headers['if-match'] === undefined) return context.control.rollback(number, options)
  return context.control.edit((files) => {
    checkPreconditions(request.headers, configTag(files))
    return { ...files, routes, plugins }
  }, options)
}
