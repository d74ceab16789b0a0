// /admin/cache/rbac: what the workers have cached of authorisation decisions. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import { keyOfLasting, mergeEntries, sumOf } from './answers.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { actionOf, callerName, withDryRun } from './edits.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { describedAs, dryRun, dryRunMark, querySchema } from './route-schemas.ts'

/** As many of each worker as it gives at most. */
const mostOfEachWorker = 1000

const tag = ['rbac cache']
const subject = {
  tenant: Type.Optional(Type.String({ minLength: 1, description: 'Only of this tenant.' })),
  user: Type.Optional(Type.String({ minLength: 1, description: 'Only of this user.' })),
  role: Type.Optional(Type.String({ minLength: 1, description: 'Only of users with this role.' })),
}
const entrySchema = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  properties: { copies: { type: 'integer', description: 'Worker caches that hold it.' } },
})

export function registerCaches(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/cache/rbac',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'List cached authorisation decisions, merged over the workers',
        description: `The newest ${mostOfEachWorker} of each worker.`,
        querystring: querySchema({ ...pageQuery, ...subject }),
        response: { 200: pageSchema(entrySchema) },
      },
    },
    async (request) => {
      const page = pageOf(await inspect(context, subjectOf(request.query)), (one) => one.key, request.query)
      return { ...page, data: page.data.map(({ entry, copies }) => ({ ...entry, copies })) }
    },
  )
  app.delete(
    '/admin/cache/rbac',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Purge cached authorisation decisions; without a filter all of them',
        querystring: querySchema({ ...dryRun, ...subject }),
        response: {
          200: describedAs(
            Type.Object({
              purged: Type.Integer({
                description: `Entries, over all workers; a dry run counts up to ${mostOfEachWorker} of each.`,
              }),
              ...dryRunMark,
            }),
            'Every worker has forgotten them.',
          ),
        },
      },
    },
    async (request, reply) => {
      const args = subjectOf(request.query)
      const { control } = context
      if (request.query.dry_run === true) {
        const found = await inspect(context, args)
        const purged = found.reduce((sum, { copies }) => sum + copies, 0)
        return reply.send(withDryRun(request, { purged }))
      }
      const purged = sumOf(await control.purge('rbac', args))
      const action = actionOf(request, JSON.stringify(args))
      control.record({ by: callerName(request), action, outcome: `purged ${purged}`, version: null })
      return reply.send({ purged })
    },
  )
}

async function inspect({ control }: AdminContext, args: Record<string, unknown>) {
  const answers = await control.askPlugin('rbac', 'inspect', { ...args, limit: mostOfEachWorker })
  return mergeEntries(answers, keyOfLasting)
}

type Subject = { readonly tenant?: string; readonly user?: string; readonly role?: string }

/** Only what was asked: an undefined member would be a filter to some. */
function subjectOf({ tenant, user, role }: Subject): Record<string, unknown> {
  return {
    ...(tenant === undefined ? {} : { tenant }),
    ...(user === undefined ? {} : { user }),
    ...(role === undefined ? {} : { role }),
  }
}
