// What makes plugins, routes, upstreams and tenants different uses of one CRUD. Main thread; given to resources.ts by each.
import { Type } from '@fastify/type-provider-typebox'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import type { Collection } from './collections.ts'
import type { Place } from './secret-places.ts'

export interface ResourceKind {
  readonly path: string
  readonly singular: string
  readonly plural: string
  /** Member of the resource that names it. */
  readonly idMember: 'id' | 'name'
  readonly collection: Collection
  /** Name of its schema in the OpenAPI document. */
  readonly schema: string
  /** Ids that the API's own paths take. */
  readonly reservedIds: readonly string[]
  /** Whether the order in the file means something, so that POST may choose the position. */
  readonly ordered: boolean
  /** List filters: query name, description, and whether a resource passes. */
  readonly filters: readonly ResourceFilter[]
  /** One-word changes: `POST <path>/{id}/<name>`. */
  readonly actions: readonly ResourceAction[]
  secretsIn(stored: JsonObject): Place
  /** Members that are not config but live state; their change does not change the ETag. */
  liveMembers?(id: string): JsonObject
}

export interface ResourceFilter {
  readonly name: string
  readonly description: string
  passes(resource: JsonObject, wanted: string): boolean
}

export interface ResourceAction {
  readonly name: string
  readonly summary: string
  readonly patch: JsonObject
}

export const idParams = Type.Object({ id: Type.String({ description: 'Percent-encoded.' }) })
