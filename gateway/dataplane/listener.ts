// Sockets in, exchanges out: one HTTP/1.1 server per listener and worker. Worker thread; made by worker.ts.
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { GatewayConfig, ListenerConfig } from '../contract/snapshot.ts'
import { type Arrival, Exchange } from './exchange.ts'
import { conclude, serve } from './pipeline.ts'
import type { Runtime } from './runtime.ts'
import { isWebSocketHandshake, type OpenTunnel } from './upstream/upgrade.ts'

export interface Listener {
  readonly name: string
  /** Resolves with the port; several workers may listen on the same one. */
  listen(port: number): Promise<number>
  connections(): number
  inFlight(): number
  /** No new connections, idle ones closed; resolves when the last request and tunnel ended or `timeoutMs` cut them off. */
  drain(timeoutMs: number): Promise<void>
}

export interface ListenerParts {
  readonly config: ListenerConfig
  readonly gateway: GatewayConfig
  /** The runtime that new exchanges get. */
  readonly runtime: () => Runtime
  readonly openTunnel: OpenTunnel
}

export function createListener(parts: ListenerParts): Listener {
  return new HttpListener(parts)
}

class HttpListener implements Listener {
  readonly name: string
  readonly #parts: ListenerParts
  readonly #server: Server
  readonly #sockets = new Map<Socket, string>()
  readonly #perIp = new Map<string, number>()
  #inFlight = 0
  #port = ''
  #draining = false
  #onIdle: (() => void) | null = null

  constructor(parts: ListenerParts) {
    const { limits, timeouts } = parts.gateway
    this.name = parts.config.name
    this.#parts = parts
    const server = createServer({
      maxHeaderSize: limits.headerBytes,
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      keepAliveTimeout: timeouts.idleMs,
      connectionsCheckingInterval: Math.max(100, Math.min(1_000, timeouts.headersMs / 4)),
      // Both are checked in admission.ts, with a problem body.
      requireHostHeader: false,
      joinDuplicateHeaders: true,
      shouldUpgradeCallback: isWebSocketHandshake,
    })
    // node would drop what is over the count silently; admission.ts refuses it.
    server.maxHeadersCount = 0
    server.maxRequestsPerSocket = limits.requestsPerConnection
    server.on('connection', (socket) => this.#admitConnection(socket))
    server.on('request', (req, res) => this.#accept({ req, res, tunnel: null, expectsContinue: false }))
    server.on('checkContinue', (req, res) => this.#accept({ req, res, tunnel: null, expectsContinue: true }))
    server.on('checkExpectation', (_req, res) =>
      refuseRaw(res.socket, 417, 'The only expectation served is 100-continue.'),
    )
    server.on('upgrade', (req, socket, head) => this.#acceptUpgrade(req, socket, head))
    server.on('connect', (_req, socket) => refuseRaw(socket, 405, 'CONNECT is not served here.'))
    server.on('clientError', (error, socket) => refuseBroken(error, socket))
    this.#server = server
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: this.#parts.config.host, port, reusePort: true, backlog: 4096 }, () => {
        this.#server.off('error', reject)
        const bound = (this.#server.address() as AddressInfo).port
        this.#port = String(bound)
        resolve(bound)
      })
    })
  }

  connections(): number {
    return this.#sockets.size
  }

  inFlight(): number {
    return this.#inFlight
  }

  drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    this.#server.close()
    this.#server.closeIdleConnections()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of this.#sockets.keys()) socket.destroy()
        resolve()
      }, timeoutMs)
      this.#onIdle = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#inFlight === 0) this.#onIdle()
    })
  }

  #admitConnection(socket: Socket): void {
    const { limits, workers } = this.#parts.gateway
    const ip = socket.remoteAddress ?? ''
    const fromIp = (this.#perIp.get(ip) ?? 0) + 1
    // Each worker takes its share: the kernel spreads connections over the listening sockets.
    const share =
      limits.connections === 0 ? Number.POSITIVE_INFINITY : Math.ceil(limits.connections / workers)
    if (this.#sockets.size >= share)
      return refuseRaw(socket, 503, 'The gateway has no room for another connection.')
    if (limits.connectionsPerIp > 0 && fromIp > Math.ceil(limits.connectionsPerIp / workers)) {
      return refuseRaw(socket, 429, 'Too many connections are open from this address.')
    }
    this.#sockets.set(socket, ip)
    this.#perIp.set(ip, fromIp)
    socket.setNoDelay(true)
    socket.once('close', () => this.#forget(socket, ip))
  }

  #forget(socket: Socket, ip: string): void {
    this.#sockets.delete(socket)
    const left = (this.#perIp.get(ip) ?? 1) - 1
    if (left === 0) this.#perIp.delete(ip)
    else this.#perIp.set(ip, left)
  }

  #accept(arrival: Omit<Arrival, 'localPort'>): void {
    const runtime = this.#parts.runtime()
    runtime.begin()
    this.#inFlight += 1
    const ex = new Exchange({ ...arrival, localPort: this.#port }, runtime)
    if (this.#draining) ex.res.shouldKeepAlive = false
    const end = arrival.tunnel === null ? arrival.res : arrival.tunnel.socket
    end.once('close', () => this.#conclude(ex))
    serve(ex, this.#parts.openTunnel)
  }

  #conclude(ex: Exchange): void {
    conclude(ex)
    this.#inFlight -= 1
    if (this.#draining && this.#inFlight === 0) this.#onIdle?.()
  }

  /** Only WebSocket handshakes come here; they get a response object too, so that every refusal is an HTTP answer. */
  #acceptUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const res = new ServerResponse(req)
    res.shouldKeepAlive = false
    res.assignSocket(socket as Socket)
    res.once('finish', () => (socket as Socket).destroySoon())
    this.#accept({ req, res, tunnel: { socket, head }, expectsContinue: false })
  }
}

/** What node's parser refused. RFC 9112 section 2.2: answer, then close. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  if (error.code === 'HPE_HEADER_OVERFLOW') return refuseRaw(socket, 431, 'The header section is too large.')
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return refuseRaw(socket, 408, 'The request did not arrive in time.')
  refuseRaw(socket, 400, 'The request is not valid HTTP.')
}

function refuseRaw(socket: Duplex | null, status: number, detail: string): void {
  if (socket === null || socket.destroyed) return
  const title = STATUS_CODES[status] ?? 'Error'
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code: `AEGIS_HTTP_${status}` })
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n${status === 503 || status === 429 ? 'retry-after: 1\r\n' : ''}\r\n${body}`,
  )
  // What the peer still sends is not read; the socket goes once the answer is out.
  socket.once('finish', () => socket.destroy())
}
