// What every route file gets: the port to the control plane, time, and the typed Fastify instance. Main thread.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ControlApi } from '../gateway/contract/control-api.ts'
import type { Clock, Logger } from '../gateway/contract/ports.ts'
import type { AdminRole } from '../gateway/contract/snapshot.ts'

export type AdminApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface AdminContext {
  readonly control: ControlApi
  readonly log: Logger
  readonly clock: Clock
}

/** Who asks, after the token was checked. */
export interface Caller {
  readonly name: string
  readonly role: AdminRole
}

/** The least role that may use a route; `open` needs no token, `metrics` is decided by the admin config. */
export type Access = AdminRole | 'open' | 'metrics'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    caller: Caller | null
  }
}
