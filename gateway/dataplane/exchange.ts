// The one record of a request and its response: what pipeline.ts moves from station to station. Worker thread.
// Plugins see it through the views of contract/exchange.ts.
import { randomUUIDv7 } from 'node:crypto'
import type {
  BodyView,
  ClientCertificate,
  Identity,
  LogView,
  RecheckView,
  RequestView,
  ResponseBodyView,
  ResponseView,
} from '../contract/exchange.ts'
import type { RouteConfig, Tenant } from '../contract/snapshot.ts'
import type { Chain, Instance } from './chain.ts'
import type { Downstream } from './downstream.ts'
import { findFieldFault, findHeader, withoutHeader } from './headers.ts'
import { findField } from './http1/fields.ts'
import type { RouteMatch } from './router.ts'
import type { CompiledRoute, Runtime } from './runtime.ts'

const noParams: Readonly<Record<string, string>> = Object.freeze({})
const noBytes = new Uint8Array(0)

/** What listener.ts knows of a request before anything was read from it. */
export interface Arrival {
  readonly down: Downstream
  /** A valid WebSocket handshake. */
  readonly isHandshake: boolean
  /** Decimal port of the listener. */
  readonly localPort: string
}

/** Every field is set here once, so that all exchanges share one hidden class. */
export class Exchange {
  readonly down: Downstream
  readonly isHandshake: boolean
  /** The config that it began with; for one that lasts, the live one. */
  runtime: Runtime
  readonly localPort: string
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false

  // Set by admission.ts.
  method: string
  /** The Host header as sent, checked; '' when an HTTP/1.0 request has none. */
  authority = ''
  host = ''
  path = ''
  query = ''
  /** Laxer readers could take the path for another one: routing sees to it that it makes no difference. */
  ambiguousPath = false
  scheme: 'http' | 'https'
  peerIp = ''
  clientIp = ''
  peerTrusted = false
  /** What goes up in Via ahead of the gateway itself; '' for nothing. */
  carriedVia = ''
  /** Content-Length; -1 when there is none. */
  contentLength: number
  hasBody: boolean

  // Set by routing.
  match: RouteMatch<CompiledRoute> | null = null
  /** null until routing matched. Typed as there: hooks other than onLog, whose view says null, only run on a match. */
  route: RouteConfig = null as unknown as RouteConfig
  /** As `route`: null until routing matched. */
  compiled: CompiledRoute = null as unknown as CompiledRoute
  chain: Chain = null as unknown as Chain
  hostTenant: Tenant | null = null
  hostTenantId: string | null = null
  /** The rewritten path; the query goes behind it unchanged. */
  upstreamPath = ''
  /** A preflight that stands in for the method it asks about; it must never go upstream by itself. */
  preflight = false

  // Facts and private state of plugins.
  requestId: string
  tenant: Tenant | null = null
  identity: Identity | null = null
  readonly slots: unknown[]
  entered: Instance[] = []
  upstreamEdits: (string | null)[] | null = null
  /** Request body limit in bytes; the lowest given wins. */
  bodyLimit: number
  /** Bytes of the request body that some plugin wants to see first; 0 for none. */
  inspectUpTo = 0
  body: Uint8Array = noBytes
  bodyComplete: boolean

  // The response.
  status = 0
  responseSource: 'gateway' | 'upstream' = 'gateway'
  responseHeaders: string[] = []
  /** Bytes of the upstream's answer that some plugin wants to see before it goes out; -1: none does. */
  inspectResponseUpTo = -1
  responseBody: Uint8Array = noBytes
  responseBodyComplete = false
  /** Why the head cannot be written as the plugins left it. */
  unsendable: Error | null = null
  code = ''
  failure = ''

  // The account, for the log.
  readonly startedAtMs = Date.now()
  readonly startedAt = performance.now()
  requestBytes = 0
  responseBytes = 0
  durationMs = 0
  upstreamMs = 0
  upstream = ''
  target = ''
  attempts = 0

  /** True once an answer was begun: its response hooks run, or have run. */
  answering = false
  /** True once a response head was written or a tunnel opened. */
  headSent = false
  /** True once the client is gone or the account is closed. */
  ended = false
  /** Nothing that follows on this connection may be read as a request. */
  lastOnConnection = false
  abortCallbacks: (() => void)[] | null = null
  /** The try upstream that must be cancelled when the client leaves. */
  abort: { abort(): void } | null = null
  /** Who watches it when it goes on for long; null: nobody. */
  longLived: { remove(ex: Exchange): void } | null = null
  private decodedParams: Readonly<Record<string, string>> | null = null

  constructor(arrival: Arrival, runtime: Runtime) {
    this.down = arrival.down
    this.isHandshake = arrival.isHandshake
    this.localPort = arrival.localPort
    this.runtime = runtime
    const { head } = arrival.down
    this.method = head.method
    this.scheme = arrival.down.secured === null ? 'http' : 'https'
    this.contentLength = head.length
    this.hasBody = head.body !== 'none'
    this.bodyComplete = !this.hasBody
    this.requestId = randomUUIDv7()
    this.slots = new Array(runtime.slotCount).fill(undefined)
    this.bodyLimit = runtime.snapshot.gateway.limits.bodyBytes
  }

  get clientCertificate(): ClientCertificate | null {
    return this.down.secured === null ? null : this.down.secured.clientCertificate
  }

  get rawTarget(): string {
    return this.down.head.target
  }

  get httpVersion(): '1.0' | '1.1' | '2' {
    return this.down.head.version
  }

  get rawHeaders(): readonly string[] {
    return this.down.head.fields.raw
  }

  get unknownTenantStatus(): 404 | 403 | 400 {
    return this.runtime.snapshot.tenancy.unknownTenant
  }

  get params(): Readonly<Record<string, string>> {
    this.decodedParams ??= decodeParams(this.match)
    return this.decodedParams
  }

  header(name: string): string | undefined {
    return findField(this.down.head.fields, name)
  }

  findTenant(id: string): Tenant | undefined {
    return this.runtime.tenants.byId(id)
  }

  setUpstreamHeader(name: string, value: string): void {
    const fault = findFieldFault(name, value)
    if (fault !== null) throw fault
    this.upstreamEdits ??= []
    this.upstreamEdits.push(name, value)
  }

  removeUpstreamHeader(name: string): void {
    this.upstreamEdits ??= []
    this.upstreamEdits.push(name, null)
  }

  limitRequestBody(bytes: number): void {
    if (bytes < this.bodyLimit) this.bodyLimit = bytes
  }

  inspectRequestBody(bytes: number): void {
    if (bytes > this.inspectUpTo) this.inspectUpTo = bytes
  }

  inspectResponseBody(bytes: number): void {
    if (bytes > this.inspectResponseUpTo) this.inspectResponseUpTo = bytes
  }

  getSlot(slot: number): unknown {
    return this.slots[slot]
  }

  setSlot(slot: number, value: unknown): void {
    this.slots[slot] = value
  }

  onAbort(callback: () => void): void {
    if (this.ended) return callback()
    this.abortCallbacks ??= []
    this.abortCallbacks.push(callback)
  }

  /** The client is gone: ends the try upstream and tells the plugins, whatever one of them throws. */
  cancel(): void {
    this.abort?.abort()
    for (const callback of this.abortCallbacks ?? []) {
      try {
        callback()
      } catch (error) {
        this.runtime.log.error({ request_id: this.requestId, err: error }, 'a plugin failed on an abort')
      }
    }
  }

  responseHeader(name: string): string | undefined {
    const at = findHeader(this.responseHeaders, name.toLowerCase())
    return at < 0 ? undefined : this.responseHeaders[at + 1]
  }

  responseHeaderValues(name: string): string[] {
    const wanted = name.toLowerCase()
    return this.responseHeaders.filter(
      (_, index) => index % 2 === 1 && this.responseHeaders[index - 1]?.toLowerCase() === wanted,
    )
  }

  setResponseHeader(name: string, value: string): void {
    this.unsendable ??= findFieldFault(name, value)
    this.responseHeaders = withoutHeader(this.responseHeaders, name)
    this.responseHeaders.push(name, value)
  }

  appendResponseHeader(name: string, value: string): void {
    this.unsendable ??= findFieldFault(name, value)
    this.responseHeaders.push(name, value)
  }

  removeResponseHeader(name: string): void {
    this.responseHeaders = withoutHeader(this.responseHeaders, name)
  }

  responseHeaderNames(): string[] {
    return this.responseHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  }
}

function decodeParams(match: RouteMatch<CompiledRoute> | null): Readonly<Record<string, string>> {
  if (match === null || match.values.length === 0) return noParams
  const params: Record<string, string> = Object.create(null)
  match.entry.names.forEach((name, index) => {
    params[name] = decodeSegment(match.values[index] as string)
  })
  return params
}

/** A segment that is not UTF-8 stays as it was sent. */
function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

// The class is assigned to each view here, so that a field that a view promises and the class lacks is a compile error.
export function asRequestView(ex: Exchange): RequestView {
  return ex
}
export function asRecheckView(ex: Exchange): RecheckView {
  return ex
}
export function asBodyView(ex: Exchange): BodyView {
  return ex
}
export function asResponseView(ex: Exchange): ResponseView {
  return ex
}
export function asResponseBodyView(ex: Exchange): ResponseBodyView {
  return ex
}

export function asLogView(ex: Exchange): LogView {
  return ex
}
