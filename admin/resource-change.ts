// What one write does to a collection: finding, checking, placing, all on the files that an edit hands out. Pure; main
// thread; called by resource-writes.ts.
import { Type } from '@fastify/type-provider-typebox'
import type { ConfigFiles, JsonObject } from '../gateway/contract/control-api.ts'
import type { Entry } from './collections.ts'
import type { Change } from './edits.ts'
import { isPrototypeKey } from './json-body.ts'
import { badBody, HttpProblem, notFound } from './problems.ts'
import type { ResourceKind } from './resource-kind.ts'
import type { Presented } from './resource-view.ts'
import { restoreSecrets } from './restore.ts'

export const positionQuery = {
  position: Type.Optional(Type.Integer({ minimum: 0, description: 'Place in the list; 0 is first.' })),
  before: Type.Optional(Type.String({ minLength: 1, description: 'Id of the one to stand before.' })),
  after: Type.Optional(Type.String({ minLength: 1, description: 'Id of the one to stand after.' })),
}
export type PositionQuery = { position?: number; before?: string; after?: string }

export function locate(kind: ResourceKind, files: ConfigFiles, id: string) {
  const entries = kind.collection.entries(files)
  const index = entries.findIndex((entry) => entry.id === id)
  return { entries, index, stored: entries[index]?.stored as JsonObject | undefined }
}

export function changeTo(
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

export function toStored(
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

export function usableId(kind: ResourceKind, id: unknown): string {
  const pointer = `/${kind.idMember}`
  if (typeof id !== 'string' || id === '')
    throw badBody(pointer, `A ${kind.singular} needs a text as its ${kind.idMember}.`)
  if (isPrototypeKey(id))
    throw badBody(pointer, `${id} cannot be the ${kind.idMember} of a ${kind.singular}.`)
  if (kind.reservedIds.includes(id))
    throw badBody(pointer, `${id} is taken by the path ${kind.path}/${id}; choose another.`)
  return id
}

export function checkBodyId(kind: ResourceKind, body: JsonObject, id: string): void {
  const given = body[kind.idMember]
  if (given === undefined || given === id) return
  throw badBody(
    `/${kind.idMember}`,
    `The ${kind.idMember} cannot be changed: leave it out or send ${JSON.stringify(id)}.`,
  )
}

export function chooseIndex(entries: readonly Entry[], { position, before, after }: PositionQuery): number {
  const given = [position, before, after].filter((one) => one !== undefined).length
  if (given > 1) throw new HttpProblem(400, 'INVALID', 'Give one of position, before and after, not several.')
  if (given === 0) return entries.length
  if (position !== undefined) return Math.min(position, entries.length)
  const neighbour = entries.findIndex((entry) => entry.id === (before ?? after))
  if (neighbour === -1)
    throw new HttpProblem(400, 'INVALID', `There is no ${JSON.stringify(before ?? after)} to stand next to.`)
  return before === undefined ? neighbour + 1 : neighbour
}

export function absent(kind: ResourceKind, id: string): HttpProblem {
  return notFound(`${kind.singular} ${JSON.stringify(id)}`)
}
