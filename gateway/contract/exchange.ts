// The views of the one record of a request and its response, one per phase, so that a hook used in the
// wrong phase is a compile error. The record itself is gateway/dataplane/exchange.ts.
import type { RouteConfig, Tenant } from './snapshot.ts'

/** Who the caller is, established by a plugin that verified it. */
export interface Identity {
  readonly userId: string
  /** The tenant that the credential is bound to; null when it names none. */
  readonly tenantId: string | null
  readonly roles: readonly string[]
  /** `resource:action` strings that the credential itself grants. */
  readonly permissions: readonly string[]
  readonly claims: Readonly<Record<string, unknown>>
  /** Seconds since the epoch; Infinity when the credential has no end. */
  readonly expiresAt: number
}

/** What a client showed in the TLS handshake, issued by one of the listener's `clientCa`. */
export interface ClientCertificate {
  /** In the form of RFC 4514: `CN=billing,O=Acme`. */
  readonly subject: string
  readonly issuer: string
  /** Hex. */
  readonly serialNumber: string
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string
  readonly dnsNames: readonly string[]
  readonly uris: readonly string[]
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

export interface RequestView {
  readonly method: string
  /** Lower-case host without port; '' for an HTTP/1.0 request that has none. */
  readonly host: string
  /** Canonical path: the one that routing, policy and the upstream see. */
  readonly path: string
  /** Raw query without '?'; '' when there is none. Passed on byte for byte. */
  readonly query: string
  /** The request target as the client sent it: for inspection and logs, never for decisions about routes. */
  readonly rawTarget: string
  readonly httpVersion: '1.0' | '1.1' | '2'
  /** The header section as the client sent it, flat: name, value, in order, with repeats. */
  readonly rawHeaders: readonly string[]
  readonly scheme: 'http' | 'https'
  /** The client behind the trusted proxies; IPv4-mapped IPv6 is given as IPv4. */
  readonly clientIp: string
  /** True when a body comes with the request, or may come. */
  readonly hasBody: boolean
  /** True when the TCP peer itself is one of `trustedProxies`. */
  readonly peerTrusted: boolean
  /** Of the TCP peer, which may be a proxy; null: it showed none. */
  readonly clientCertificate: ClientCertificate | null
  readonly route: RouteConfig
  /** Decoded values of the `{name}` segments of the route's path. */
  readonly params: Readonly<Record<string, string>>
  /** The tenant that the Host names (subdomain of a base domain or custom domain), found by the router; not a fact. */
  readonly hostTenant: Tenant | null
  /** The tenant id that the Host spells, known or not: `nosuch` for nosuch.example.com; null when the Host names none. */
  readonly hostTenantId: string | null
  /** `tenancy.unknownTenant` of the config that this request runs on. */
  readonly unknownTenantStatus: 404 | 403 | 400
  /** Facts. A plugin that lists one under `provides` sets it. */
  requestId: string
  tenant: Tenant | null
  identity: Identity | null

  /** Request header by lower-case name; repeated headers are joined as RFC 9110 section 5.3 says. */
  header(name: string): string | undefined
  /** Looks a tenant up by id in the config that this request runs on. */
  findTenant(id: string): Tenant | undefined
  /** Adds or replaces a header of the request that goes upstream, after the client's own were cleaned. */
  setUpstreamHeader(name: string, value: string): void
  /** Takes a header off the request that goes upstream. */
  removeUpstreamHeader(name: string): void
  /** Stops the request with 413 once more than this many body bytes have arrived; the lowest limit given wins. */
  limitRequestBody(bytes: number): void
  /** Asks for the first bytes of the body: `onRequestBody` of the chain gets to see at least this many. The highest wins. */
  inspectRequestBody(bytes: number): void
  /** The value this plugin kept for this request; see PluginPorts.slot. */
  getSlot(slot: number): unknown
  setSlot(slot: number, value: unknown): void
  /** Calls back when the client goes away before the response ended. */
  onAbort(callback: () => void): void
}

export interface BodyView extends RequestView {
  /** The first bytes of the request body: what some plugin of the chain asked for, which may be more than this one did. */
  readonly body: Uint8Array
  /** True when `body` is all of it. */
  readonly bodyComplete: boolean
}

/** An upstream's answer before any of it went to the client. */
export interface ResponseBodyView extends ResponseView {
  /** The first bytes of the answer's body, as the upstream sent them. */
  readonly responseBody: Uint8Array
  /** True when `responseBody` is all of it. */
  readonly responseBodyComplete: boolean
}

type Facts = 'requestId' | 'tenant' | 'identity' | 'route'
type Settled = Omit<
  RequestView,
  Facts | 'setUpstreamHeader' | 'removeUpstreamHeader' | 'limitRequestBody' | 'inspectRequestBody' | 'onAbort'
>

/** A request that was let through, while its WebSocket or event stream is open; `route` and `findTenant` are of the live config. */
export interface RecheckView extends Omit<Settled, 'setSlot'> {
  readonly requestId: string
  readonly tenant: Tenant | null
  readonly identity: Identity | null
  readonly route: RouteConfig
}

export interface ResponseView extends Settled {
  readonly requestId: string
  readonly tenant: Tenant | null
  readonly identity: Identity | null
  readonly route: RouteConfig
  status: number
  /** Whether the gateway or the upstream made this response. */
  readonly responseSource: 'gateway' | 'upstream'
  /** First value of a response header, any case. */
  responseHeader(name: string): string | undefined
  /** All values of a response header, any case, in order. */
  responseHeaderValues(name: string): string[]
  setResponseHeader(name: string, value: string): void
  appendResponseHeader(name: string, value: string): void
  removeResponseHeader(name: string): void
  /** Names of all response headers, lower-case, in order, with repeats. */
  responseHeaderNames(): string[]
  /**
   * Holds an upstream's answer back until `onResponseBody` of the chain has seen its first bytes; 0: its head alone.
   * The highest wins. Without it an answer streams through. Means nothing for the gateway's own replies.
   */
  inspectResponseBody(bytes: number): void
}

/** What is known once the exchange is over. Also given for requests that never met a route. */
export interface LogView {
  readonly method: string
  readonly httpVersion: '1.0' | '1.1' | '2'
  readonly host: string
  readonly path: string
  readonly query: string
  readonly scheme: 'http' | 'https'
  readonly clientIp: string
  readonly requestId: string
  /** null: refused before or by routing. */
  readonly route: RouteConfig | null
  readonly tenant: Tenant | null
  readonly hostTenant: Tenant | null
  readonly identity: Identity | null
  /** Status sent, or 499 when the client left before one was sent, or 101 for a tunnel. */
  readonly status: number
  readonly responseSource: 'gateway' | 'upstream'
  /** `AEGIS_...` of the gateway's own reply or of the failure; '' for an upstream's answer. */
  readonly code: string
  /** Internal reason of a failure, for operators only; '' when there is none. */
  readonly failure: string
  readonly requestBytes: number
  readonly responseBytes: number
  /** From the first byte of the request's head to the last of the response. */
  readonly durationMs: number
  /** Time waited for the upstream, tries included; 0 when it was not asked. */
  readonly upstreamMs: number
  /** Upstream name and origin of the last try; '' when none was made. */
  readonly upstream: string
  readonly target: string
  /** Tries made upstream. */
  readonly attempts: number
  /** Unix time of the request's start, in ms. */
  readonly startedAtMs: number
  header(name: string): string | undefined
  getSlot(slot: number): unknown
}
