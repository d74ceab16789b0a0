// The plugin contract: what a policy declares, and when its hooks run.
// Definitions are read on both threads; `create` and the hooks run in workers only.
import type { Static, TSchema } from 'typebox'
import type { BodyView, LogView, RequestView, ResponseView } from './exchange.ts'
import type { PluginPorts } from './ports.ts'
import type { Reply } from './reply.ts'

/** What a plugin establishes on the exchange for later ones. */
export type Fact = 'requestId' | 'tenant' | 'identity'

/** undefined: go on; a Reply: stop here and answer it. */
export type Verdict = Reply | undefined

export interface PluginDefinition<S extends TSchema = TSchema> {
  /** Equals the folder's name. */
  readonly name: string
  /** TypeBox object schema of `config`; every object in it says `additionalProperties: false`. */
  readonly schema: S
  /** Facts that an earlier plugin of the chain must provide; an impossible order is refused at load. */
  readonly needs?: readonly Fact[]
  readonly provides?: readonly Fact[]
  /** Route settings that this plugin acts on; a route that uses one no plugin of its chain enforces is refused at load. */
  readonly enforces?: readonly ('auth' | 'roles' | 'permission')[]
  /** What a throw or time-out of a request hook means: deny is a 500, allow goes on without this plugin. */
  readonly onFailure: 'deny' | 'allow'
  /** Time that a request hook may take before `onFailure` decides; default 10000. */
  readonly hookTimeoutMs?: number
  /** Opts in to the cost of buffering the request body; at most this many bytes are handed to onRequestBody. */
  readonly body?: { readonly inspectUpTo: number }
  /** Checks that a schema cannot express. Pointers are relative to `config`. Main thread, at load. */
  check?(config: Readonly<Static<S>>): readonly { pointer: string; message: string }[]
  /** Synchronous, no I/O; throws only on a config that `check` should have refused. */
  create(config: Readonly<Static<S>>, ports: PluginPorts): Plugin
}

export interface Plugin {
  /** Before the swap to the config that holds this instance; a rejection refuses the whole config. */
  start?(): Promise<void>
  onRequest?(ex: RequestView): Verdict | Promise<Verdict>
  /** After every onRequest of the chain has let the request pass; needs `body` in the definition. */
  onRequestBody?(ex: BodyView): Verdict | Promise<Verdict>
  /** In reverse chain order, over every plugin whose request hook was entered; for the gateway's own replies too. */
  onResponse?(ex: ResponseView): void | Promise<void>
  /** Synchronous, read-only, exactly once per exchange, always. Globally scoped instances also see unrouted requests. */
  onLog?(ex: LogView): void
  /** A question of the admin API, such as `purge`; the answer must be structured-cloneable. */
  onControl?(operation: string, args: Readonly<Record<string, unknown>>): unknown
  /** After the last exchange that could use this instance. */
  close?(): void | Promise<void>
}

/** Keeps the link between schema and `create` without repeating the type. */
export function definePlugin<S extends TSchema>(definition: PluginDefinition<S>): PluginDefinition<S> {
  return definition
}
