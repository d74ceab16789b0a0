// /admin/rate-limits: the state of one key's limits, and its reset. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import type { ConfigFiles } from '../gateway/contract/control-api.ts'
import { mergeEntries, reasonsOf } from './answers.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { actionOf, callerName, withDryRun } from './edits.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { HttpProblem } from './problems.ts'
import { isList, isObject } from './redact.ts'
import { describedAs, dryRun, dryRunMark, querySchema } from './route-schemas.ts'

const tag = ['rate limits']
const key = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'Name of the limit and parts of its key, such as `per-user|tenant=acme|user=42`.',
})
const stateSchema = Type.Unsafe<object>({ type: 'object', additionalProperties: true })

export function registerRateLimits(app: AdminApp, context: AdminContext): void {
  registerInspect(app, context)
  registerReset(app, context)
}

function registerInspect(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/rate-limits',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'Read the state of a limit for one key; without a key the limits and the form of their keys',
        querystring: querySchema({ key: Type.Optional(key), ...pageQuery }),
        response: { 200: pageSchema(stateSchema) },
      },
    },
    async (request) => {
      const { key } = request.query
      const answers = await ask(context, 'inspect', key)
      // Counters are shared by the workers, so that each gives the same answer: one of each is enough.
      const states = mergeEntries(answers, ({ instance, name, key }) => JSON.stringify([instance, name, key]))
      const page = pageOf(states, (one) => one.key, request.query)
      return { ...page, data: page.data.map(({ entry }) => entry) }
    },
  )
}

function registerReset(app: AdminApp, context: AdminContext): void {
  app.delete(
    '/admin/rate-limits',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Reset a limit for one key: it may be used in full again',
        querystring: querySchema({ key, ...dryRun }),
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
      await ask(context, rehearsal === true ? 'inspect' : 'reset', key)
      if (rehearsal !== true) {
        const action = actionOf(request, JSON.stringify({ key }))
        context.control.record({ by: callerName(request), action, outcome: 'reset', version: null })
      }
      return reply.send(withDryRun(request, { key, reset: true as const }))
    },
  )
}

/** A key that no instance knows is told apart from one that is merely unused. */
async function ask({ control }: AdminContext, operation: 'inspect' | 'reset', key: string | undefined) {
  if (key === undefined) return control.askPlugin('rate-limit', operation, {})
  const plan = planOf(control.files(), key)
  const answers = await control.askPlugin('rate-limit', operation, plan === null ? { key } : { key, plan })
  if (answers.length === 0) throw new HttpProblem(404, 'NOT_FOUND', 'No enabled plugin limits rates.')
  if (answers.every((answer) => reasonsOf([answer]).length > 0)) {
    throw new HttpProblem(404, 'NOT_FOUND', `No limit has this key: ${reasonsOf(answers).join('; ')}.`)
  }
  return answers
}

/** A plan may have numbers of its own, and the plugin knows no tenants while no request is there. */
function planOf({ routes }: ConfigFiles, key: string): string | null {
  const named = /\|tenant=([^|]*)/.exec(key)?.[1]?.replace(/%(?:25|7c|3d)/gi, decodeURIComponent)
  const tenants = isList(routes.tenants) ? routes.tenants.filter(isObject) : []
  const plan = tenants.find(({ id }) => id === named)?.plan
  return typeof plan === 'string' ? plan : null
}
