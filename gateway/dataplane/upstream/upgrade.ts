// WebSocket: once the whole chain has let the handshake pass, http-proxy-3 carries it up and joins the sockets.
// Worker thread; called by pipeline.ts.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy-3'
import type { Exchange, Tunnel } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import { answerWith } from '../respond.ts'
import type { Endpoint } from './endpoint.ts'
import { noHealthyUpstream, refuseByBreaker } from './forward.ts'
import { Handshake, toHeaderRecord } from './handshake.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

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
  const proxy = httpProxy.createProxyServer({ ws: true })
  // Sockets that break are seen by their own 'close'; without a listener the emitter would throw.
  proxy.on('error', () => {})
  return (ex, tunnel, upstream) => {
    ex.upstream = upstream.name
    const gate = upstream.cluster.admit()
    if (gate !== 'ok') return answerWith(ex, refuseByBreaker(gate))
    const endpoint = upstream.cluster.pick([])
    if (endpoint === null) return answerWith(ex, noHealthyUpstream)
    const handshake = new Handshake(ex, upstream, endpoint)
    // Emitted within proxy.ws, before the request goes out.
    proxy.once('proxyReqWs', handshake.onRequest)
    try {
      const { connectMs } = upstream.config.timeouts
      const options = { target: new URL(endpoint.url), connectTimeout: connectMs }
      proxy.ws(toHandshakeRequest(ex, upstream, endpoint), tunnel.socket as Socket, tunnel.head, options)
    } finally {
      proxy.off('proxyReqWs', handshake.onRequest)
    }
    handshake.takeOver()
  }
}

/** http-proxy-3 takes the headers from the request object: it gets one with ours, which obey the same rules as every request's. */
function toHandshakeRequest(ex: Exchange, upstream: UpstreamHandle, endpoint: Endpoint): IncomingMessage {
  const flat = toUpstreamHeaders(ex, upstream.hostOf(endpoint), upstream.config.preserveHost)
  flat.push('connection', 'Upgrade', 'upgrade', 'websocket')
  return Object.create(ex.req, { headers: { value: toHeaderRecord(flat) } }) as IncomingMessage
}
