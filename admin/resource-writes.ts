// The writing half of resources.ts: POST, PUT, PATCH, DELETE and the one-word actions. Main thread. All comparisons
// (does it exist, is the tag still right, what secret is stored) happen inside the change function of the edit.
import { Type } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { applyEdit, describeEdit, withDryRun } from './edits.ts'
import { checkPreconditions, etagOf } from './etag.ts'
import { mergePatch } from './merge-patch.ts'
import { HttpProblem } from './problems.ts'
import {
  absent,
  changeTo,
  checkBodyId,
  chooseIndex,
  locate,
  type PositionQuery,
  positionQuery,
  toStored,
  usableId,
} from './resource-change.ts'
import { idParams, type ResourceAction, type ResourceKind } from './resource-kind.ts'
import { describeResource, type Presented, present } from './resource-view.ts'
import {
  conditionalPut,
  conditionalWrite,
  configBodyOf,
  created,
  describedAs,
  dryRun,
  dryRunMark,
  querySchema,
  reference,
  tagged,
  writeQuery,
} from './route-schemas.ts'
import { configBody } from './validation.ts'

export function registerResourceWrites(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  registerCreate(app, context, kind)
  registerReplace(app, context, kind)
  registerPatch(app, context, kind)
  registerDelete(app, context, kind)
  for (const action of kind.actions) registerAction(app, context, kind, action)
}

function registerCreate(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  app.post(
    kind.path,
    {
      config: { access: 'operator' },
      schema: {
        tags: [kind.plural],
        summary: `Create a ${kind.singular}`,
        querystring: querySchema({ ...dryRun, ...(kind.ordered ? positionQuery : {}) }),
        body: configBodyOf(kind.schema),
        response: { 201: created(reference(kind.schema), 'Created; Location names it.') },
      },
    },
    async (request, reply) => {
      const body = request.body
      const id = usableId(kind, body[kind.idMember])
      const applied = await applyEdit(
        context,
        request,
        (files) => {
          const entries = kind.collection.entries(files)
          if (entries.some((entry) => entry.id === id)) {
            throw new HttpProblem(409, 'EXISTS', `There is a ${kind.singular} ${JSON.stringify(id)} already.`)
          }
          const index = chooseIndex(entries, request.query as PositionQuery)
          const stored = toStored(kind, id, body, undefined)
          return changeTo(kind, files, entries.toSpliced(index, 0, { id, stored }), index)
        },
        JSON.stringify(id),
      )
      describeEdit(reply, applied)
      return answerResource(kind, request, reply, { ...applied.result, created: true })
    },
  )
}

function registerReplace(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  app.put(
    `${kind.path}/:id`,
    {
      config: { access: 'operator' },
      schema: {
        tags: [kind.plural],
        summary: `Create or replace a ${kind.singular}`,
        description: `The ${kind.idMember} may be left out of the body. A secret sent as "***" stays what it is.`,
        params: idParams,
        querystring: writeQuery,
        headers: conditionalPut,
        body: configBodyOf(kind.schema),
        response: {
          200: tagged(reference(kind.schema), 'Replaced.'),
          201: created(reference(kind.schema), 'Created, at the end of the list.'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const body = request.body
      checkBodyId(kind, body, id)
      const applied = await applyEdit(context, request, (files) => {
        const { entries, index, stored } = locate(kind, files, id)
        checkPreconditions(request.headers, stored === undefined ? null : etagOf(stored))
        if (stored === undefined) usableId(kind, id)
        const next = { id, stored: toStored(kind, id, body, stored) }
        const all = stored === undefined ? [...entries, next] : entries.with(index, next)
        const change = changeTo(kind, files, all, stored === undefined ? all.length - 1 : index)
        return { ...change, result: { ...change.result, created: stored === undefined } }
      })
      describeEdit(reply, applied)
      return answerResource(kind, request, reply, applied.result)
    },
  )
}

function registerPatch(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  const description = `RFC 7396 merge patch of the ${kind.singular}: null removes a member, lists are replaced whole. Sent as application/merge-patch+json or application/json.`
  const body = Type.Unsafe<JsonObject>({
    type: 'object',
    additionalProperties: true,
    description,
    [configBody]: true,
  })
  app.patch(
    `${kind.path}/:id`,
    {
      config: { access: 'operator' },
      schema: {
        tags: [kind.plural],
        summary: `Change parts of a ${kind.singular}`,
        params: idParams,
        querystring: writeQuery,
        headers: conditionalWrite,
        consumes: ['application/merge-patch+json', 'application/json'],
        body,
        response: { 200: tagged(reference(kind.schema), 'Changed.') },
      },
    },
    async (request, reply) => {
      checkBodyId(kind, request.body, request.params.id)
      return await patchResource(context, kind, {
        request,
        reply,
        id: request.params.id,
        patch: request.body,
      })
    },
  )
}

function registerAction(
  app: AdminApp,
  context: AdminContext,
  kind: ResourceKind,
  action: ResourceAction,
): void {
  app.post(
    `${kind.path}/:id/${action.name}`,
    {
      config: { access: 'operator' },
      schema: {
        tags: [kind.plural],
        summary: action.summary,
        params: idParams,
        querystring: writeQuery,
        headers: conditionalWrite,
        response: { 200: tagged(reference(kind.schema), 'Changed.') },
      },
    },
    (request, reply) =>
      patchResource(context, kind, { request, reply, id: request.params.id, patch: action.patch }),
  )
}

interface PatchRequest {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly id: string
  readonly patch: JsonObject
}

async function patchResource(context: AdminContext, kind: ResourceKind, asked: PatchRequest) {
  const { request, reply, id, patch } = asked
  const applied = await applyEdit(context, request, (files) => {
    const { entries, index, stored } = locate(kind, files, id)
    if (stored === undefined) throw absent(kind, id)
    checkPreconditions(request.headers, etagOf(stored))
    const merged = mergePatch(stored, patch) as JsonObject
    return changeTo(
      kind,
      files,
      entries.with(index, { id, stored: toStored(kind, id, merged, stored) }),
      index,
    )
  })
  describeEdit(reply, applied)
  return answerResource(kind, request, reply, { ...applied.result, created: false })
}

function registerDelete(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  const answer = Type.Object({ [kind.idMember]: Type.String(), deleted: Type.Literal(true), ...dryRunMark })
  app.delete(
    `${kind.path}/:id`,
    {
      config: { access: 'operator' },
      schema: {
        tags: [kind.plural],
        summary: `Delete a ${kind.singular}`,
        params: idParams,
        querystring: writeQuery,
        headers: conditionalWrite,
        response: { 200: describedAs(answer, 'Deleted.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const applied = await applyEdit(context, request, (files) => {
        const { entries, index, stored } = locate(kind, files, id)
        if (stored === undefined) throw absent(kind, id)
        checkPreconditions(request.headers, etagOf(stored))
        return {
          files: kind.collection.replace(files, entries.toSpliced(index, 1)),
          result: null,
          place: null,
        }
      })
      describeEdit(reply, applied)
      return reply.send(withDryRun(request, { [kind.idMember]: id, deleted: true }))
    },
  )
}

function answerResource(
  kind: ResourceKind,
  request: FastifyRequest,
  reply: FastifyReply,
  written: Presented & { readonly created: boolean },
): FastifyReply {
  describeResource(reply, written)
  if (written.created) reply.code(201).header('location', `${kind.path}/${encodeURIComponent(written.id)}`)
  return reply.send(withDryRun(request, present(kind, request, written)))
}
