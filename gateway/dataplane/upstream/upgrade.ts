// WebSocket: once the whole chain has let the handshake pass, http-proxy-3 carries it up and pipes the sockets.
// Worker thread; called by pipeline.ts.
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy-3'
import { deny } from '../../contract/reply.ts'
import type { Exchange, Tunnel } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import { answerWith } from '../respond.ts'
import type { Outcome } from './cluster.ts'
import type { UpstreamHandle } from './clusters.ts'
import type { Endpoint } from './endpoint.ts'
import { explainFailure } from './failure.ts'

/** RFC 6455 section 4.2.1. Anything else that asks for an upgrade is served as ordinary HTTP. */
export function isWebSocketHandshake(req: IncomingMessage): boolean {
  const { headers } = req
  return (
    req.method === 'GET' &&
    req.httpVersionMinor === 1 &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    listsUpgrade(headers.connection) &&
    headers['sec-websocket-version'] === '13' &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '') &&
    (headers['content-length'] === undefined || headers['content-length'] === '0') &&
    headers['transfer-encoding'] === undefined
  )
}

function listsUpgrade(connection: string | undefined): boolean {
  return (connection ?? '').split(',').some((option) => option.trim().toLowerCase() === 'upgrade')
}

export type OpenTunnel = (ex: Exchange, tunnel: Tunnel, upstream: UpstreamHandle) => void

export function createTunnels(): OpenTunnel {
  const handshakes = new WeakMap<IncomingMessage, Handshake>()
  const proxy = httpProxy.createProxyServer({ ws: true })
  proxy.on('proxyReqWs', (proxyReq, req) => handshakes.get(req)?.watch(proxyReq))
  // Sockets that break are seen by their own 'close'; without a listener the emitter would throw.
  proxy.on('error', () => {})
  return (ex, tunnel, upstream) => {
    ex.upstream = upstream.name
    const endpoint = upstream.cluster.admit() === 'ok' ? upstream.cluster.pick([]) : null
    if (endpoint === null) {
      return answerWith(
        ex,
        deny(503, 'AEGIS_NO_HEALTHY_UPSTREAM', 'No healthy server is there for this request.'),
      )
    }
    const handshake = new Handshake(ex, upstream, endpoint)
    handshakes.set(ex.req, handshake)
    // http-proxy-3 takes path and headers from the request object: it gets ours, so that the handshake obeys the same
    // rules as every other request.
    ex.req.url = ex.query === '' ? ex.upstreamPath : `${ex.upstreamPath}?${ex.query}`
    ex.req.headers = toHandshakeHeaders(ex, upstream, endpoint)
    proxy.ws(ex.req, tunnel.socket as Socket, tunnel.head, { target: new URL(endpoint.url) }, (error) =>
      handshake.fail(error),
    )
  }
}

/** The account of one tunnel. */
class Handshake {
  readonly #ex: Exchange
  readonly #upstream: UpstreamHandle
  readonly #startedAt = performance.now()
  #outcome: Outcome = 'cancelled'

  constructor(ex: Exchange, upstream: UpstreamHandle, endpoint: Endpoint) {
    this.#ex = ex
    this.#upstream = upstream
    ex.attempts = 1
    ex.target = endpoint.url
    upstream.cluster.began(endpoint)
    ex.socket.once('close', () => {
      ex.upstreamMs = performance.now() - this.#startedAt
      upstream.cluster.ended(endpoint, this.#outcome)
    })
  }

  watch(proxyReq: ClientRequest): void {
    proxyReq.setTimeout(this.#upstream.config.timeouts.headersMs, () => {
      proxyReq.destroy(
        Object.assign(new Error('no answer to the handshake'), { code: 'UND_ERR_HEADERS_TIMEOUT' }),
      )
    })
    proxyReq.prependOnceListener('upgrade', (answer, upstreamSocket) => {
      upstreamSocket.setTimeout(0)
      this.#take(answer.statusCode ?? 101)
    })
    proxyReq.prependOnceListener('response', (answer) => this.#take(answer.statusCode ?? 502))
  }

  /** From here on the bytes on the client's socket are the upstream's. */
  #take(status: number): void {
    const ex = this.#ex
    ex.res.detachSocket(ex.socket)
    ex.headSent = true
    ex.status = status
    ex.responseSource = 'upstream'
    this.#outcome = 'ok'
  }

  fail(error: Error): void {
    const failure = explainFailure(error, true)
    this.#ex.failure = failure.detail
    if (this.#ex.headSent) return
    this.#outcome = failure.outcome
    answerWith(this.#ex, failure.reply)
  }
}

function toHandshakeHeaders(ex: Exchange, upstream: UpstreamHandle, endpoint: Endpoint): IncomingHttpHeaders {
  const flat = toUpstreamHeaders(ex, upstream.hostOf(endpoint), upstream.config.preserveHost)
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    const value = flat[i + 1] as string
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  headers.connection = 'Upgrade'
  headers.upgrade = 'websocket'
  return headers
}
