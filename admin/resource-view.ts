// How a stored resource is shown: its id inside, secrets hidden from all but admins, its tag in the ETag header.
// Main thread; called by resources.ts and resource-writes.ts.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import { hasRole } from './auth.ts'
import { etagOf } from './etag.ts'
import { redact } from './redact.ts'
import type { ResourceKind } from './resource-kind.ts'

export interface Presented {
  readonly id: string
  readonly stored: JsonObject
}

export function present(kind: ResourceKind, request: FastifyRequest, { id, stored }: Presented): JsonObject {
  const visible = hasRole(request.caller, 'admin') ? stored : redact(stored, kind.secretsIn(stored))
  return { ...kind.collection.toResource(id, visible), ...kind.liveMembers?.(id) }
}

export function describeResource(reply: FastifyReply, { stored }: Presented): { etag: string } {
  const etag = etagOf(stored)
  reply.header('etag', etag)
  return { etag }
}
