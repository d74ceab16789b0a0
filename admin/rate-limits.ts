// /admin/rate-limits: the state of one key's limits, and its reset. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import { mergeEntries } from './answers.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { actionOf, callerName, withDryRun } from './edits.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { describedAs, dryRun, dryRunMark, querySchema } from './route-schemas.ts'

const tag = ['rate limits']
const key = {
  key: Type.String({
    minLength: 1,
    maxLength: 1000,
    description: 'The key as the limiter builds it, such as tenant:acme.',
  }),
}
const stateSchema = Type.Unsafe<object>({ type: 'object', additionalProperties: true })

export function registerRateLimits(app: AdminApp, context: AdminContext): void {
  const { control } = context
  app.get(
    '/admin/rate-limits',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'Read the state of every limit for one key',
        querystring: querySchema({ ...key, ...pageQuery }),
        response: { 200: pageSchema(stateSchema) },
      },
    },
    async (request) => {
      const answers = await control.askPlugin('rate-limit', 'inspect', { key: request.query.key })
      // Counters are shared by the workers, so that each gives the same answer: one of each is enough.
      const page = pageOf(mergeEntries(answers), (one) => one.key, request.query)
      return { ...page, data: page.data.map(({ entry }) => entry) }
    },
  )
  app.delete(
    '/admin/rate-limits',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Reset the limits of one key: it may use them in full again',
        querystring: querySchema({ ...key, ...dryRun }),
        response: {
          200: describedAs(
            Type.Object({ key: Type.String(), reset: Type.Literal(true), ...dryRunMark }),
            'Counted from zero again.',
          ),
        },
      },
    },
    async (request, reply) => {
      const { key, dry_run: rehearsal } = request.query
      await control.askPlugin('rate-limit', rehearsal === true ? 'inspect' : 'reset', { key })
      if (rehearsal !== true) {
        const action = actionOf(request, JSON.stringify({ key }))
        control.record({ by: callerName(request), action, outcome: 'reset', version: null })
      }
      return reply.send(withDryRun(request, { key, reset: true as const }))
    },
  )
}
