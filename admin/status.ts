// What the gateway is doing: status, audit, metrics, and the probes of an orchestrator. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import type { AuditEntry } from '../gateway/contract/control-api.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { HttpProblem } from './problems.ts'
import { describedAs, querySchema } from './route-schemas.ts'

const statusSchema = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  properties: {
    version: { type: 'integer', description: 'Config version that all workers run.' },
    startedAt: { type: 'string', format: 'date-time' },
    uptimeSeconds: { type: 'number' },
    handles: {
      type: 'object',
      additionalProperties: { type: 'integer' },
      description:
        'Open sockets, running timers and other handles of the main thread; each worker has its own.',
    },
    workers: { type: 'array', items: { type: 'object', additionalProperties: true } },
    listeners: { type: 'array', items: { type: 'object', additionalProperties: true } },
    config: {
      type: 'object',
      additionalProperties: true,
      description: 'The last reload, and why the files on disk are not what runs when they are not.',
    },
    state: { type: 'object', additionalProperties: true, description: 'Redis and Consul.' },
  },
})

const auditSchema = Type.Object({
  at: Type.String({ format: 'date-time' }),
  by: Type.String(),
  action: Type.String(),
  outcome: Type.String(),
  version: Type.Union([Type.Integer(), Type.Null()]),
})

export function registerStatus(app: AdminApp, context: AdminContext): void {
  registerStatusAndAudit(app, context)
  registerProbes(app, context)
  app.get(
    '/metrics',
    {
      config: { access: 'metrics' },
      schema: {
        tags: ['status'],
        summary: 'Metrics of all workers in the Prometheus text format',
        response: {
          200: { description: 'The metrics.', content: { 'text/plain': { schema: { type: 'string' } } } },
        },
      },
    },
    async (_, reply) => {
      const { contentType, text } = await context.control.metrics()
      return reply.header('content-type', contentType).send(text)
    },
  )
}

function registerStatusAndAudit(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/status',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['status'],
        summary: 'Version of every worker, uptime, listeners, state of the config and of Redis and Consul',
        response: { 200: describedAs(statusSchema, 'The status.') },
      },
    },
    () => context.control.status(),
  )
  app.get(
    '/admin/audit',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['status'],
        summary: 'Who changed what and when, newest first',
        querystring: querySchema({
          ...pageQuery,
          by: Type.Optional(Type.String({ description: 'Only what this token did.' })),
        }),
        response: { 200: pageSchema(auditSchema) },
      },
    },
    (request) => {
      const { by } = request.query
      const entries = numbered(context.control.audit()).filter(
        ({ entry }) => by === undefined || entry.by === by,
      )
      const page = pageOf(entries.reverse(), ({ key }) => key, request.query, 'nothing')
      return { ...page, data: page.data.map(({ entry }) => entry) }
    },
  )
}

/** Entries have no id: their time and their place among those of the same time name them. */
function numbered(entries: readonly AuditEntry[]): { entry: AuditEntry; key: string }[] {
  const oldestFirst = [...entries].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  let before = { at: '', order: 0 }
  return oldestFirst.map((entry) => {
    before = { at: entry.at, order: entry.at === before.at ? before.order + 1 : 0 }
    return { entry, key: `${before.at} ${before.order}` }
  })
}

function registerProbes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/livez',
    {
      config: { access: 'open' },
      schema: {
        tags: ['status'],
        summary: 'Whether the process lives',
        response: { 200: describedAs(Type.Object({ status: Type.Literal('ok') }), 'It lives.') },
      },
    },
    () => ({ status: 'ok' as const }),
  )
  app.get(
    '/readyz',
    {
      config: { access: 'open' },
      schema: {
        tags: ['status'],
        summary: 'Whether traffic should be sent here; 503 with reasons when not',
        response: { 200: describedAs(Type.Object({ status: Type.Literal('ok') }), 'It is ready.') },
      },
    },
    () => {
      const { ready, reasons } = context.control.ready()
      if (ready) return { status: 'ok' as const }
      throw new HttpProblem(503, 'NOT_READY', `Not ready: ${reasons.join('; ')}.`, { members: { reasons } })
    },
  )
}
