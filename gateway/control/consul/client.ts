// What Aegis asks of a Consul agent: instances of services, keys, and a write of keys that all compare or none. Main
// thread. The package "consul" speaks; this bounds its waits, checks its answers and knows whether Consul is there.
import { EventEmitter } from 'node:events'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import Consul from 'consul'
import type { ConsulStatus } from '../../contract/control-api.ts'
import type { Clock } from '../../contract/ports.ts'
import type { ConsulConfig } from '../../contract/snapshot.ts'
import { Presence } from './presence.ts'

/** One question: blocking when `index` is not 0. */
export interface Ask {
  readonly index: number
  readonly signal: AbortSignal
}

export interface ConsulAnswer<T> {
  readonly value: T
  /** X-Consul-Index; 0 when it is missing or not a number. */
  readonly index: number
}

export interface InstanceQuery {
  readonly service: string
  readonly tags: readonly string[]
  readonly datacenter: string | null
  readonly passingOnly: boolean
  readonly stale: boolean
}

/** As /v1/health/service gives them; nothing in it is certain. */
export interface InstanceEntry {
  readonly Node?: { readonly Address?: unknown }
  readonly Service?: { readonly Address?: unknown; readonly Port?: unknown; readonly Weights?: unknown }
  readonly Checks?: readonly { readonly Status?: unknown }[]
}

export interface KeyValue {
  readonly key: string
  readonly value: string
  /** ModifyIndex; 0 stands for a key that is not there. */
  readonly index: number
}

export type Check = Omit<KeyValue, 'value'>

export interface ConsulClient {
  instances(query: InstanceQuery, ask: Ask): Promise<ConsulAnswer<readonly InstanceEntry[]>>
  /** All keys below the prefix, which ends in a slash; the leader answers. */
  keys(prefix: string, ask: Ask): Promise<ConsulAnswer<readonly KeyValue[]>>
  /** False, and nothing is written, when one of the keys has another index by now. */
  write(checks: readonly Check[], pairs: readonly KeyValue[]): Promise<boolean>
  state(): ConsulStatus
  /** Calls back when Consul comes or goes, at once if it was asked already. */
  onState(callback: (state: ConsulStatus) => void): void
  destroy(): void
}

export interface ConsulClientOptions extends ConsulConfig {
  readonly clock: Clock
}

/**
 * How long Consul holds a blocking query. Short, so that one that hangs is found out soon, and one that waits for an index
 * which the Consul behind a changed address will not reach for long.
 */
const blockingWaitMs = 3_000
/** Of any answer, beyond the time that Consul may hold it back (it adds up to a sixteenth). */
const answerMs = 5_000
/** For blocking queries; below Consul's own default of 200 connections for one client. */
export const mostConnections = 100
/** For what must not wait until a blocking query ends. */
const spareConnections = 20

/** The part of the package that is used, as it is; its own types know neither time-outs nor answers' headers. */
interface Package {
  readonly health: { service(options: object): Promise<unknown> }
  readonly kv: { get(options: object): Promise<unknown> }
  readonly transaction: { create(operations: readonly object[], options: object): Promise<unknown> }
}

interface PackageResponse {
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, string | undefined>>
}

export function createConsulClient(options: ConsulClientOptions): ConsulClient {
  return new Client(options)
}

class Client implements ConsulClient {
  readonly #package: Package
  readonly #agent: HttpAgent | HttpsAgent
  readonly #presence: Presence

  constructor(options: ConsulClientOptions) {
    const { url, token, clock } = options
    const { protocol, hostname, port } = new URL(url)
    const secure = protocol === 'https:'
    const pool = { keepAlive: true, maxSockets: mostConnections + spareConnections, maxFreeSockets: 10 }
    this.#agent = secure ? new HttpsAgent(pool) : new HttpAgent(pool)
    this.#package = new Consul({
      ...{ host: hostname, port: port === '' ? (secure ? 443 : 80) : Number(port), secure },
      agent: this.#agent,
      ...(token === '' ? {} : { defaults: { token } }),
    }) as unknown as Package
    this.#presence = new Presence(url, clock)
  }

  async instances(query: InstanceQuery, ask: Ask): Promise<ConsulAnswer<readonly InstanceEntry[]>> {
    const { service, tags, datacenter, passingOnly, stale } = query
    const [response, body] = await this.#ask(ask.signal, (context) =>
      this.#package.health.service({
        ...{ service, stale, ...toBlocking(ask), ...context },
        ...(tags.length === 0 ? {} : { tag: tags }),
        ...(passingOnly ? { passing: true } : {}),
        ...(datacenter === null ? {} : { dc: datacenter }),
      }),
    )
    if (!Array.isArray(body)) throw this.#failed('the answer is not a list of instances')
    // Consul hides what a token may not read: that is no word on what is there.
    if (body.length === 0 && response.headers?.['x-consul-results-filtered-by-acls'] === 'true') {
      throw this.#failed('the ACL token may not read this service')
    }
    this.#presence.succeeded()
    return { value: body as InstanceEntry[], index: indexOf(response) }
  }

  async keys(prefix: string, ask: Ask): Promise<ConsulAnswer<readonly KeyValue[]>> {
    const [response, body] = await this.#ask(ask.signal, (context) =>
      this.#package.kv.get({ key: prefix, recurse: true, ...toBlocking(ask), ...context }),
    )
    const index = indexOf(response)
    const known = response.statusCode === 404 ? [] : body
    if (!Array.isArray(known)) throw this.#failed('the answer is not a list of keys')
    this.#presence.succeeded()
    return { value: known.map(toKeyValue).filter((one) => one !== null), index }
  }

  async write(checks: readonly Check[], pairs: readonly KeyValue[]): Promise<boolean> {
    const operations = [
      ...checks.map(({ key, index }) =>
        index === 0
          ? { KV: { Verb: 'check-not-exists', Key: key } }
          : { KV: { Verb: 'check-index', Key: key, Index: index } },
      ),
      ...pairs.map(({ key, value, index }) => ({
        KV: { Verb: 'cas', Key: key, Value: Buffer.from(value).toString('base64'), Index: index },
      })),
    ]
    try {
      await this.#ask(new AbortController().signal, (context) =>
        this.#package.transaction.create(operations, { ...context, timeout: answerMs }),
      )
      this.#presence.succeeded()
      return true
    } catch (error) {
      if (statusOf(error) !== 409) throw error
      this.#presence.succeeded()
      return false
    }
  }

  state(): ConsulStatus {
    return this.#presence.status()
  }

  onState(callback: (state: ConsulStatus) => void): void {
    this.#presence.onChange(callback)
  }

  destroy(): void {
    this.#agent.destroy()
  }

  async #ask(
    signal: AbortSignal,
    send: (context: object) => Promise<unknown>,
  ): Promise<[PackageResponse, unknown]> {
    // How the package is told to cancel, and to give the response with its headers.
    const context = Object.assign(new EventEmitter(), { includeResponse: true })
    const cancel = (): void => void context.emit('cancel')
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return (await send({ ctx: context })) as [PackageResponse, unknown]
    } catch (error) {
      if (signal.aborted || statusOf(error) === 409) throw error
      throw this.#failed(toReason(error), statusOf(error) === undefined)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  #failed(reason: string, silent = false): Error {
    this.#presence.failed(reason, silent)
    return new Error(reason)
  }
}

function toBlocking({ index }: Ask): object {
  if (index === 0) return { timeout: answerMs }
  const timeout = blockingWaitMs + Math.ceil(blockingWaitMs / 16) + answerMs
  return { index: String(index), wait: `${blockingWaitMs}ms`, timeout }
}

function indexOf({ headers }: PackageResponse): number {
  const text = headers?.['x-consul-index'] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}

function toKeyValue(item: unknown): KeyValue | null {
  const { Key, Value, ModifyIndex } = (item ?? {}) as Record<string, unknown>
  if (typeof Key !== 'string' || typeof ModifyIndex !== 'number') return null
  return { key: Key, value: typeof Value === 'string' ? Value : '', index: ModifyIndex }
}

function statusOf(error: unknown): number | undefined {
  const { isResponse, response } = error as { isResponse?: boolean; response?: PackageResponse }
  return isResponse === true ? response?.statusCode : undefined
}

/** Never the address with a token in it, and never a page of HTML. */
function toReason(error: unknown): string {
  const status = statusOf(error)
  const { message, code } = error as NodeJS.ErrnoException
  if (status === 403) return 'the answer is 403: the ACL token does not allow this'
  if (status !== undefined) return `the answer is ${status}`
  return (code !== undefined && !message.includes(code) ? `${message} (${code})` : message).slice(0, 200)
}
