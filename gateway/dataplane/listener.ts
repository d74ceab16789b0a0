// Sockets in, exchanges out: one HTTP/1.1 server per listener and worker. Worker thread; made by worker.ts.
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { deny, type Reply } from '../contract/reply.ts'
import type { GatewayConfig, ListenerConfig } from '../contract/snapshot.ts'
import { Exchange, type Tunnel } from './exchange.ts'
import { conclude, serve } from './pipeline.ts'
import { answerWith, breakOff } from './respond.ts'
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

/** What is known of one open connection. */
interface Connection {
  readonly ip: string
  /** Exchanges that are not over, in the order of their requests; more than one only where a client pipelines. */
  readonly open: Exchange[]
  last: Exchange | null
  /** Nothing more is read from it as a request. */
  closing: boolean
}

class HttpListener implements Listener {
  readonly name: string
  readonly #parts: ListenerParts
  readonly #server: Server
  readonly #connections = new Map<Duplex, Connection>()
  readonly #perIp = new Map<string, number>()
  #inFlight = 0
  #port = ''
  #draining = false
  #onIdle: (() => void) | null = null

  constructor(parts: ListenerParts) {
    this.name = parts.config.name
    this.#parts = parts
    const server = createServer(toServerOptions(parts.gateway))
    // node would drop what is over the count silently; admission.ts refuses it.
    server.maxHeadersCount = 0
    server.maxRequestsPerSocket = parts.gateway.limits.requestsPerConnection
    server.on('connection', (socket) => this.#admitConnection(socket))
    server.on('request', (req, res) => this.#accept(req, res, null, false))
    server.on('checkContinue', (req, res) => this.#accept(req, res, null, true))
    server.on('checkExpectation', (req, res) => this.#accept(req, res, null, false))
    server.on('upgrade', (req, socket, head) => this.#acceptDetached(req, { socket, head }))
    server.on('connect', (req, socket, head) => this.#acceptDetached(req, { socket, head }))
    server.on('clientError', (error, socket) => this.#onBroken(error, socket))
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
    return this.#connections.size
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
        for (const socket of this.#connections.keys()) socket.destroy()
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
    if (this.#connections.size >= share)
      return refuseRaw(socket, 503, 'The gateway has no room for another connection.')
    if (limits.connectionsPerIp > 0 && fromIp > Math.ceil(limits.connectionsPerIp / workers)) {
      return refuseRaw(socket, 429, 'Too many connections are open from this address.')
    }
    this.#connections.set(socket, { ip, open: [], last: null, closing: false })
    this.#perIp.set(ip, fromIp)
    socket.once('close', () => this.#forget(socket))
  }

  #forget(socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return
    this.#connections.delete(socket)
    // A tunnel ends with its socket.
    for (const ex of [...connection.open]) this.#conclude(ex)
    const left = (this.#perIp.get(connection.ip) ?? 1) - 1
    if (left === 0) this.#perIp.delete(connection.ip)
    else this.#perIp.set(connection.ip, left)
  }

  #accept(req: IncomingMessage, res: ServerResponse, tunnel: Tunnel | null, expectsContinue: boolean): void {
    const connection = this.#connections.get(req.socket)
    // A connection that was refused, or what stands behind a request that nobody can be sure where it ends.
    if (connection === undefined || connection.closing || connection.last?.lastOnConnection) return
    const runtime = this.#parts.runtime()
    runtime.begin()
    this.#inFlight += 1
    const ex = new Exchange({ req, res, tunnel, expectsContinue, localPort: this.#port }, runtime)
    connection.open.push(ex)
    connection.last = ex
    // What breaks while writing is seen by 'close'; without a listener it would end the worker.
    res.on('error', ignore)
    // The end of a tunnel is the end of its socket.
    if (tunnel === null) res.once('close', () => this.#conclude(ex))
    serve(ex, this.#parts.openTunnel)
  }

  #conclude(ex: Exchange): void {
    if (ex.ended) return
    conclude(ex)
    this.#inFlight -= 1
    const connection = this.#connections.get(ex.socket)
    if (connection !== undefined) {
      const { open } = connection
      open.splice(open.indexOf(ex), 1)
      // Draining: its head may have gone out before, with the promise to keep the connection.
      if (open.length === 0 && (connection.closing || this.#draining)) ex.socket.destroySoon()
    }
    if (this.#draining && this.#inFlight === 0) this.#onIdle?.()
  }

  /** WebSocket handshakes and CONNECT; they get a response object too, so that every refusal is an HTTP answer. */
  #acceptDetached(req: IncomingMessage, tunnel: Tunnel): void {
    const { socket } = tunnel
    socket.on('error', ignore)
    const res = new ServerResponse(req)
    res.shouldKeepAlive = false
    res.assignSocket(socket as Socket)
    res.once('finish', () => (socket as Socket).destroySoon())
    this.#accept(req, res, tunnel, false)
    if (!this.#connections.has(socket)) socket.destroy()
  }

  /** What node's parser refused. RFC 9112 section 2.2: answer, then close; but never into the middle of another answer. */
  #onBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined || error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    connection.closing = true
    const { open, last } = connection
    const refusal = refusalOf(error)
    if (last !== null && !last.req.complete) {
      if (last.answering || last.ended) return breakOff(last)
      last.lastOnConnection = true
      answerWith(last, refusal)
      last.abort?.abort()
      return
    }
    // The answers that are due still go out; the last of them is the last on this connection.
    const final = open.at(-1)
    if (final === undefined) refuseRaw(socket, refusal.status, refusal.detail)
    else final.lastOnConnection = true
  }
}

function toServerOptions({ limits, timeouts }: GatewayConfig): ServerOptions {
  const { headersMs, requestMs, idleMs } = timeouts
  return {
    maxHeaderSize: limits.headerBytes,
    // node refuses to start with a wait for the head that is longer than the one for the whole request.
    headersTimeout: requestMs === 0 ? headersMs : Math.min(headersMs, requestMs),
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: Math.max(100, Math.min(1_000, headersMs / 4)),
    insecureHTTPParser: false,
    // Both are checked in admission.ts, with a problem body.
    requireHostHeader: false,
    joinDuplicateHeaders: true,
    shouldUpgradeCallback: isWebSocketHandshake,
  }
}

function ignore(): void {}

function refusalOf(error: NodeJS.ErrnoException): Reply {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return deny(431, 'AEGIS_HTTP_431', 'The header section is too large.')
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return deny(408, 'AEGIS_HTTP_408', 'The request did not arrive in time.')
  return deny(400, 'AEGIS_HTTP_400', 'The request is not valid HTTP.')
}

function refuseRaw(socket: Duplex, status: number, detail: string): void {
  if (socket.destroyed) return
  const title = STATUS_CODES[status] ?? 'Error'
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code: `AEGIS_HTTP_${status}` })
  socket.on('error', ignore)
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n${status === 503 || status === 429 ? 'retry-after: 1\r\n' : ''}\r\n${body}`,
  )
  // What the peer still sends is not read; the socket goes once the answer is out.
  socket.once('finish', () => socket.destroy())
}
