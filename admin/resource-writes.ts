// The writing half of resources.ts: POST, PUT, PATCH, DELETE and the one-word actions. Main thread. All comparisons
// (does it exist, is the tag still right, what secret is stored) happen inside the change function of the edit.
import { Type } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ConfigFiles, JsonObject } from '../gateway/contract/control-api.ts'
import type { Entry } from './collections.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { applyEdit, type Change, describeEdit, withDryRun } from './edits.ts'
import { checkPreconditions, etagOf } from './etag.ts'
import { isPrototypeKey } from './json-body.ts'
import { mergePatch } from './merge-patch.ts'
import { badBody, HttpProblem, notFound } from './problems.ts'
import { describeResource, type Presented, present } from './resource-view.ts'
import { idParams, type ResourceAction, type ResourceKind } from './resources.ts'
import { restoreSecrets } from './restore.ts'
import {
  conditionalPut,
  conditionalWrite,
  configBodyOf,
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

const positionQuery = {
  position: Type.Optional(Type.Integer({ minimum: 0, description: 'Place in the list; 0 is first.' })),
  before: Type.Optional(Type.String({ minLength: 1, description: 'Id of the one to stand before.' })),
  after: Type.Optional(Type.String({ minLength: 1, description: 'Id of the one to stand after.' })),
}
type PositionQuery = { position?: number; before?: string; after?: string }

function registerCreate(app: AdminApp, context: AdminContext, kind: ResourceKind): void {
  app.post(
    kind.path,
    {
      config: { access: 'operator' },
      schema: {
        tags: [kind.plural],
        summary: `Create a ${kind.singular}`,
        querystring: querySchema({ ...dryRun, ...(kind.ordered ? positionQuery : {}) }),
        body: configBodyOf(kind.schema, `The new ${kind.singular}, with its ${kind.idMember}.`),
        response: { 201: tagged(reference(kind.schema), 'Created; Location names it.') },
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
        params: idParams,
        querystring: writeQuery,
        headers: conditionalPut,
        body: configBodyOf(
          kind.schema,
          `All of the ${kind.singular}; its ${kind.idMember} may be left out. "***" keeps the stored secret.`,
        ),
        response: {
          200: tagged(reference(kind.schema), 'Replaced.'),
          201: tagged(reference(kind.schema), 'Created, at the end of the list.'),
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

function locate(kind: ResourceKind, files: ConfigFiles, id: string) {
  const entries = kind.collection.entries(files)
  const index = entries.findIndex((entry) => entry.id === id)
  return { entries, index, stored: entries[index]?.stored as JsonObject | undefined }
}

function changeTo(
  kind: ResourceKind,
  files: ConfigFiles,
  entries: readonly Entry[],
  index: number,
): Change<Presented> {
  const { id, stored } = entries[index] as Entry
  return {
    files: kind.collection.replace(files, entries),
    result: { id: id ?? '', stored: stored as JsonObject },
    place: kind.collection.place(entries, index),
  }
}

function toStored(
  kind: ResourceKind,
  id: string,
  resource: JsonObject,
  before: JsonObject | undefined,
): JsonObject {
  const next = kind.collection.toStored(id, resource)
  const { value, faults } = restoreSecrets(next, before, kind.secretsIn(next))
  const first = faults[0]
  if (first === undefined) return value
  throw new HttpProblem(422, 'SECRET_NOT_STORED', `${first.pointer} ${first.detail}.`, {
    errors: faults.map((fault) => ({ in: 'body', ...fault, resourcePointer: fault.pointer })),
  })
}

function usableId(kind: ResourceKind, id: unknown): string {
  const pointer = `/${kind.idMember}`
  if (typeof id !== 'string' || id === '')
    throw badBody(pointer, `A ${kind.singular} needs a text as its ${kind.idMember}.`)
  if (isPrototypeKey(id))
    throw badBody(pointer, `${id} cannot be the ${kind.idMember} of a ${kind.singular}.`)
  if (kind.reservedIds.includes(id))
    throw badBody(pointer, `${id} is taken by the path ${kind.path}/${id}; choose another.`)
  return id
}

function checkBodyId(kind: ResourceKind, body: JsonObject, id: string): void {
  const given = body[kind.idMember]
  if (given === undefined || given === id) return
  throw badBody(
    `/${kind.idMember}`,
    `The ${kind.idMember} cannot be changed: leave it out or send ${JSON.stringify(id)}.`,
  )
}

function chooseIndex(entries: readonly Entry[], { position, before, after }: PositionQuery): number {
  const given = [position, before, after].filter((one) => one !== undefined).length
  if (given > 1) throw new HttpProblem(400, 'INVALID', 'Give one of position, before and after, not several.')
  if (given === 0) return entries.length
  if (position !== undefined) return Math.min(position, entries.length)
  const neighbour = entries.findIndex((entry) => entry.id === (before ?? after))
  if (neighbour === -1)
    throw new HttpProblem(400, 'INVALID', `There is no ${JSON.stringify(before ?? after)} to stand next to.`)
  return before === undefined ? neighbour + 1 : neighbour
}

function absent(kind: ResourceKind, id: string): HttpProblem {
  return notFound(`${kind.singular} ${JSON.stringify(id)}`)
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
