// The plugin contract: what a policy declares, and when its hooks run.
// Definitions are read on both threads; `create` and the hooks run in workers only.
import type { Static, TSchema } from 'typebox'
import type {
  BodyView,
  LogView,
  RecheckView,
  RequestView,
  ResponseBodyView,
  ResponseView,
} from './exchange.ts'
import type { FileReader, PluginPorts } from './ports.ts'
import type { Reply } from './reply.ts'

/** What a plugin establishes on the exchange for later ones. */
export type Fact = 'requestId' | 'tenant' | 'identity'

/** undefined: go on; a Reply: stop here and answer it. */
export type Verdict = Reply | undefined

/** What gateway.json offers to plugins; not given while that cannot be told. */
export interface HostFacts {
  readonly redis: boolean
}

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
  /** True: with this config requests may pass that it would refuse otherwise, so that it enforces nothing. */
  isLenient?(config: Readonly<Static<S>>): boolean
  /** What a throw or time-out of a request hook means: deny is a 500, allow goes on without this plugin. */
  readonly onFailure: 'deny' | 'allow'
  /** Time that a request hook may take before `onFailure` decides; default 10000. */
  readonly hookTimeoutMs?: number
  /** Buffers this much of every request's body for onRequestBody. Who decides by request calls inspectRequestBody instead. */
  readonly body?: { readonly inspectUpTo: number }
  /** Checks that a schema cannot express. Pointers are relative to `config`. Main thread, at load. */
  check?(config: Readonly<Static<S>>, host?: HostFacts): readonly { pointer: string; message: string }[]
  /**
   * Reads and checks the files that the config names, once `check` found nothing. They belong to the config from then on:
   * a change of one is a new config, and `create` finds in its ports the very same texts. Main thread, at load.
   */
  checkFiles?(config: Readonly<Static<S>>, files: FileReader): readonly { pointer: string; message: string }[]
  /** Synchronous, no I/O; throws only on a config that `check` should have refused. */
  create(config: Readonly<Static<S>>, ports: PluginPorts): Plugin
}

export interface Plugin {
  /** Before the swap to the config that holds this instance; a rejection refuses the whole config. */
  start?(): Promise<void>
  onRequest?(ex: RequestView): Verdict | Promise<Verdict>
  /** After every onRequest of the chain has let the request pass; only where some plugin of the chain asked for the body. */
  onRequestBody?(ex: BodyView): Verdict | Promise<Verdict>
  /** In reverse chain order, over every plugin whose request hook was entered; for the gateway's own replies too. */
  onResponse?(ex: ResponseView): void | Promise<void>
  /** In reverse chain order, where an onResponse called inspectResponseBody; a Reply takes the place of the upstream's answer. */
  onResponseBody?(ex: ResponseBodyView): Verdict | Promise<Verdict>
  /**
   * While a WebSocket or an event stream is open: twice a second, and whenever revocations or the config change. A Reply ends
   * it. Asked of the route's plugins in the live config, which need not be the instances that saw the request.
   */
  onRecheck?(ex: RecheckView): Verdict | Promise<Verdict>
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
