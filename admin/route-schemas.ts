// Schema pieces that many routes share. Main thread; read by the route files.
import { type TSchema, Type } from '@fastify/type-provider-typebox'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import { configBody } from './validation.ts'

/** Unknown query names are refused: with `?dryrun=true` for `?dry_run=true` a rehearsal would be the real thing. */
export function querySchema<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

export const dryRun = {
  dry_run: Type.Optional(
    Type.Boolean({ description: 'Do everything, validation by all workers included, but change nothing.' }),
  ),
}

export const writeQuery = querySchema(dryRun)

export const conditionalWrite = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      description:
        'The ETag that was read with what is now written. If it was changed since, the answer is 412 and nothing is lost: read again, repeat the change. Without it the last writer wins.',
    }),
  ),
})

export const conditionalPut = Type.Object({
  ...conditionalWrite.properties,
  'if-none-match': Type.Optional(Type.String({ description: '`*`: create, but never replace (412).' })),
})

export const conditionalRead = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({ description: 'ETags already held; a match is answered 304.' }),
  ),
})

/** A body that the config's own validation judges; `name` is a schema of the OpenAPI document. */
export function configBodyOf(name: string) {
  return Type.Unsafe<JsonObject>({ $ref: `${name}#`, [configBody]: true })
}

export function reference(name: string): TSchema {
  return Type.Unsafe<unknown>({ $ref: `${name}#` })
}

const etag = { type: 'string', description: 'For If-Match and If-None-Match.' }

/** A response that carries an entity tag. */
export function tagged(schema: object, description: string): object {
  return { ...describedAs(schema, description), headers: { etag } }
}

export function created(schema: object, description: string): object {
  const location = { type: 'string', description: 'Path of what was created.' }
  return { ...describedAs(schema, description), headers: { etag, location } }
}

export function describedAs(schema: object, description: string): object {
  return { ...schema, description }
}

/** An answer without a body. */
export function bodiless(description: string): object {
  return { type: 'null', description }
}

export const dryRunMark = {
  dry_run: Type.Optional(Type.Literal(true, { description: 'Only there when nothing was changed.' })),
}
