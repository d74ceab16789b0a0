// /admin/revocations: tokens, sessions and users whose tokens are void from now on. Main thread.
import { type Static, Type } from '@fastify/type-provider-typebox'
import type { Revocation } from '../gateway/contract/protocol.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { callerName, withDryRun } from './edits.ts'
import { checkPreconditions, etagOf, isNotModified } from './etag.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { badBody, isDryRun, notFound } from './problems.ts'
import { idParams } from './resource-kind.ts'
import {
  bodiless,
  conditionalRead,
  conditionalWrite,
  created,
  describedAs,
  dryRunMark,
  querySchema,
  tagged,
  writeQuery,
} from './route-schemas.ts'

const tag = ['revocations']
const kind = Type.Union([Type.Literal('token'), Type.Literal('session'), Type.Literal('user')])
const defaultTtlSeconds = 86_400

/** Seconds until the year 5138; more is a time in milliseconds by mistake. */
const lastSecond = 99_999_999_999
const seconds = (description: string) =>
  Type.Optional(
    Type.Integer({ minimum: 0, maximum: lastSecond, description: `Seconds since the epoch. ${description}` }),
  )

const wanted = Type.Object(
  {
    kind: Type.Enum(['token', 'session', 'user'], {
      description: 'What `subject` is: a jti, a session id or a user id.',
    }),
    subject: Type.String({ minLength: 1, maxLength: 1000 }),
    tenantId: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        description: 'null or left out: in every tenant.',
      }),
    ),
    notBefore: seconds('Sessions and users: tokens issued up to then are void. Default now.'),
    expiresAt: seconds('When the entry may be forgotten: not before the last such token has expired.'),
    ttlSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 315_360_000,
        description: 'Instead of expiresAt. Default one day.',
      }),
    ),
  },
  { additionalProperties: false },
)

const kept = Type.Object({
  id: Type.Union([Type.String(), Type.Null()], { description: 'null in the answer to a dry run.' }),
  kind,
  subject: Type.String(),
  tenantId: Type.Union([Type.String(), Type.Null()]),
  notBefore: Type.Integer(),
  expiresAt: Type.Integer(),
})

export function registerRevocations(app: AdminApp, context: AdminContext): void {
  registerCreate(app, context)
  registerList(app, context)
  registerRead(app, context)
  registerDelete(app, context)
}

function registerCreate(app: AdminApp, context: AdminContext): void {
  app.post(
    '/admin/revocations',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Revoke a token, a session or all tokens of a user issued so far',
        querystring: writeQuery,
        body: wanted,
        response: {
          201: created(Type.Object({ ...kept.properties, ...dryRunMark }), 'Felt by every worker.'),
        },
      },
    },
    async (request, reply) => {
      const entry = toRevocation(request.body, Math.floor(context.clock.wallMs() / 1000))
      reply.code(201)
      if (isDryRun(request.query)) return reply.send(withDryRun(request, { id: null, ...entry }))
      const made = await context.control.revoke(entry, callerName(request))
      reply
        .header('location', `/admin/revocations/${encodeURIComponent(made.id)}`)
        .header('etag', etagOf(made))
      return reply.send(made)
    },
  )
}

function toRevocation(body: Static<typeof wanted>, now: number): Omit<Revocation, 'id'> {
  const { kind, subject, tenantId = null, notBefore = now, expiresAt, ttlSeconds } = body
  if (expiresAt !== undefined && ttlSeconds !== undefined) {
    throw badBody('/ttlSeconds', 'Give one of expiresAt and ttlSeconds, not both.')
  }
  if (expiresAt !== undefined && expiresAt <= now)
    throw badBody('/expiresAt', 'expiresAt must lie in the future.')
  return {
    kind,
    subject,
    tenantId,
    notBefore,
    expiresAt: expiresAt ?? now + (ttlSeconds ?? defaultTtlSeconds),
  }
}

function registerList(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/revocations',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'List what is revoked',
        querystring: querySchema({
          ...pageQuery,
          tenant: Type.Optional(Type.String({ description: 'Only entries of this tenant.' })),
          kind: Type.Optional(kind),
          subject: Type.Optional(Type.String()),
        }),
        response: { 200: pageSchema(kept) },
      },
    },
    (request) => {
      const { tenant, kind, subject } = request.query
      const entries = context.control
        .revocations()
        .filter((entry) => tenant === undefined || entry.tenantId === tenant)
        .filter((entry) => kind === undefined || entry.kind === kind)
        .filter((entry) => subject === undefined || entry.subject === subject)
      return pageOf(entries, (entry) => entry.id, request.query)
    },
  )
}

function registerRead(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/revocations/:id',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'Read one revocation',
        params: idParams,
        headers: conditionalRead,
        response: { 200: tagged(kept, 'The entry.'), 304: bodiless('Not changed.') },
      },
    },
    (request, reply) => {
      const found = find(context, request.params.id)
      reply.header('etag', etagOf(found))
      if (isNotModified(request.headers, etagOf(found))) return reply.code(304).send()
      return reply.send(found)
    },
  )
}

function registerDelete(app: AdminApp, context: AdminContext): void {
  app.delete(
    '/admin/revocations/:id',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Take a revocation back',
        params: idParams,
        querystring: writeQuery,
        headers: conditionalWrite,
        response: {
          200: describedAs(
            Type.Object({ id: Type.String(), deleted: Type.Literal(true), ...dryRunMark }),
            'Felt by every worker.',
          ),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      // Entries never change, so that a tag that holds now still holds when the entry is taken out.
      checkPreconditions(request.headers, etagOf(find(context, id)))
      if (!isDryRun(request.query) && !(await context.control.unrevoke(id, callerName(request))))
        throw absent(id)
      return reply.send(withDryRun(request, { id, deleted: true as const }))
    },
  )
}

function find(context: AdminContext, id: string): Revocation {
  const found = context.control.revocations().find((entry) => entry.id === id)
  if (found === undefined) throw absent(id)
  return found
}

function absent(id: string) {
  return notFound(`revocation ${JSON.stringify(id)}`)
}
