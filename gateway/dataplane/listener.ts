// Sockets in, exchanges out: one server per listener and worker. Worker thread; made by worker.ts.
import { STATUS_CODES } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionPlaces } from '../contract/ports.ts'
import type { ListenerCertificates } from '../contract/protocol.ts'
import { deny } from '../contract/reply.ts'
import type { GatewayConfig, ListenerConfig } from '../contract/snapshot.ts'
import type { Accepting } from './descriptors.ts'
import type { Downstream, RequestFault, Served } from './downstream.ts'
import { Exchange } from './exchange.ts'
import { Deadlines } from './http1/deadlines.ts'
import { Pages } from './http1/pages.ts'
import { type ConnectionLimits, type ConnectionOwner, ServerConnection } from './http1/server-connection.ts'
import { Http2Connection, type Http2Limits, type Http2Owner } from './http2/connection.ts'
import type { Ending } from './http2/frames.ts'
import { HpackEncoder } from './http2/hpack-encoder.ts'
import { Opening } from './http2/opening.ts'
import { conclude, serve } from './pipeline.ts'
import { renderProblem } from './problem.ts'
import { answerWith, breakOff } from './respond.ts'
import type { Runtime } from './runtime.ts'
import type { Secured } from './tls/secured.ts'
import { TlsTerminator } from './tls/terminator.ts'
import { isWebSocketHandshake } from './upstream/handshake.ts'

export interface Listener extends Accepting {
  readonly name: string
  /** Resolves with the port; several workers may listen on the same one. */
  listen(port: number): Promise<number>
  /** Before it listens, and whenever certificates changed; of all listeners. */
  renew(certificates: readonly ListenerCertificates[]): void
  connections(): number
  inFlight(): number
  /** No new connections, idle ones closed; resolves when the last request and tunnel ended or `timeoutMs` cut them off. */
  drain(timeoutMs: number): Promise<void>
}

export interface ListenerParts {
  readonly config: ListenerConfig
  readonly gateway: GatewayConfig
  readonly places: ConnectionPlaces
  /** The runtime that new exchanges get. */
  readonly runtime: () => Runtime
  /** How TLS handshakes end. */
  readonly handshakes: (listener: string, outcome: string) => void
  /** Why HTTP/2 connections are ended. */
  readonly endings: (listener: string, ending: Ending) => void
}

/** Of any version, as far as the listener is concerned. */
interface Connection {
  drain(): void
  destroy(): void
}

/** Of its connections, those that a listener asks to end when the process has no descriptor left; the oldest first. */
const shareToShed = 0.1

export function createListener(parts: ListenerParts): Listener {
  return new HttpListener(parts)
}

class HttpListener implements Listener, ConnectionOwner, Http2Owner {
  readonly name: string
  readonly limits: ConnectionLimits
  readonly deadlines = new Deadlines()
  readonly pages = new Pages()
  readonly http2: Http2Limits
  readonly encoder = new HpackEncoder()
  readonly #parts: ListenerParts
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #terminator: TlsTerminator | null
  /** Sockets, those in a TLS handshake included. */
  #open = 0
  #inFlight = 0
  #port = ''
  #draining = false
  #suspended = false
  #onIdle: (() => void) | null = null

  constructor(parts: ListenerParts) {
    this.name = parts.config.name
    this.#parts = parts
    this.limits = toLimits(parts.gateway)
    this.http2 = parts.gateway.limits.http2
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.on('connection', (socket) => this.#admitConnection(socket))
    this.#server = server
    const { name, tls } = parts.config
    this.#terminator = tls === null ? null : this.#createTerminator(name, tls)
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#bind(port, () => {
        this.#server.off('error', reject)
        // To listen again, after a pause, may fail as well: it is tried again.
        this.#server.on('error', () => {
          this.#suspended = true
        })
        const bound = (this.#server.address() as AddressInfo).port
        this.#port = String(bound)
        resolve(bound)
      })
    })
  }

  suspend(): void {
    if (this.#draining) return
    this.#suspended = true
    if (this.#server.listening) this.#server.close()
    let due = Math.ceil(this.#connections.size * shareToShed)
    for (const connection of this.#connections) {
      if (due-- === 0) return
      connection.drain()
    }
  }

  resume(): void {
    if (!this.#suspended || this.#draining) return
    this.#suspended = false
    this.#bind(Number(this.#port))
  }

  renew(certificates: readonly ListenerCertificates[]): void {
    const mine = certificates.find(({ listener }) => listener === this.name)
    if (mine !== undefined) this.#terminator?.renew(mine)
  }

  connections(): number {
    return this.#open
  }

  inFlight(): number {
    return this.#inFlight
  }

  draining(): boolean {
    return this.#draining
  }

  drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    this.#server.close()
    for (const connection of this.#connections) connection.drain()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy()
        resolve()
      }, timeoutMs)
      this.#onIdle = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#inFlight === 0) this.#onIdle()
    })
  }

  onRequest(stream: Downstream): void {
    const runtime = this.#parts.runtime()
    runtime.begin()
    this.#inFlight += 1
    const isHandshake = isWebSocketHandshake(stream.head)
    const ex = new Exchange({ down: stream, isHandshake, localPort: this.#port }, runtime)
    // What stands behind a handshake is no request, whatever the service makes of the handshake.
    ex.lastOnConnection = isHandshake
    stream.served = new ServedExchange(ex, this.#onConcluded)
    serve(ex)
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection)
  }

  onEnding(ending: Ending): void {
    this.#parts.endings(this.name, ending)
  }

  #bind(port: number, onListening?: () => void): void {
    const { host } = this.#parts.config
    this.#server.listen({ host, port, reusePort: true, backlog: 4096 }, onListening)
  }

  #onConcluded = (): void => {
    this.#inFlight -= 1
    if (this.#draining && this.#inFlight === 0) this.#onIdle?.()
  }

  #admitConnection(socket: Socket): void {
    const address = this.#parts.runtime().peers.normalise(socket.remoteAddress ?? '')
    const place = this.#parts.places.take(address)
    if (place === 'full')
      return this.#refuseConnection(socket, 503, 'The gateway has no room for another connection.')
    if (place === 'full-for-address')
      return this.#refuseConnection(socket, 429, 'Too many connections are open from this address.')
    this.#count(socket, address)
    if (this.#terminator !== null) this.#terminator.accept(socket)
    else if (this.#parts.config.http2) this.#openEither(socket)
    else this.#open1(socket, null)
  }

  #openEither(socket: Socket): void {
    const opening = new Opening({
      ...{ socket, deadlines: this.deadlines, headersMs: this.limits.headersMs },
      onTold: (isHttp2) => {
        this.#connections.delete(opening)
        if (isHttp2) this.#open2(socket, null)
        else this.#open1(socket, null)
      },
      onGone: () => this.#connections.delete(opening),
    })
    this.#connections.add(opening)
  }

  #open1(socket: Socket, secured: Secured | null): void {
    this.#connections.add(new ServerConnection(this, socket, secured))
  }

  #open2(socket: Socket, secured: Secured | null): void {
    this.#connections.add(new Http2Connection(this, socket, secured))
  }

  #count(socket: Socket, address: string): void {
    this.#open += 1
    socket.once('close', () => {
      this.#open -= 1
      this.#parts.places.leave(address)
    })
  }

  /** To a client that speaks TLS nothing can be said: a handshake is what there is no room for. */
  #refuseConnection(socket: Socket, status: number, detail: string): void {
    if (this.#terminator === null) refuseConnection(socket, status, detail)
    else socket.destroy()
  }

  #createTerminator(name: string, config: NonNullable<ListenerConfig['tls']>): TlsTerminator {
    return new TlsTerminator({
      ...{ name, config },
      onHandshake: (outcome) => this.#parts.handshakes(name, outcome),
      onSecure: (socket, secured) => this.#onSecure(socket, secured),
      onPlain: (socket) => refuseConnection(socket, 400, 'This port speaks TLS: ask it by https.'),
    })
  }

  #onSecure(socket: TLSSocket, secured: Secured): void {
    if (this.#draining) socket.destroy()
    else if (socket.alpnProtocol === 'h2') this.#open2(socket, secured)
    else this.#open1(socket, secured)
  }
}

/** How one exchange hears of its connection. */
class ServedExchange implements Served {
  readonly #ex: Exchange
  readonly #onConcluded: () => void

  constructor(ex: Exchange, onConcluded: () => void) {
    this.#ex = ex
    this.#onConcluded = onConcluded
  }

  /** RFC 9112 section 2.2: answer, then close; but never into the middle of another answer. */
  onFault({ status, code, detail }: RequestFault): void {
    const ex = this.#ex
    if (ex.answering || ex.ended) return breakOff(ex)
    ex.lastOnConnection = true
    answerWith(ex, deny(status, code, detail))
    ex.abort?.abort()
  }

  onOver(): void {
    if (this.#ex.ended) return
    conclude(this.#ex)
    this.#onConcluded()
  }
}

function toLimits({ limits, timeouts }: GatewayConfig): ConnectionLimits {
  return {
    headBytes: limits.headerBytes,
    fields: limits.headerCount,
    requests: limits.requestsPerConnection,
    headersMs: timeouts.headersMs,
    requestMs: timeouts.requestMs,
    idleMs: timeouts.idleMs,
  }
}

/** Before anything was read from it. */
function refuseConnection(socket: Socket, status: number, detail: string): void {
  const { contentType, body } = renderProblem(deny(status, `AEGIS_HTTP_${status}`, detail), '', undefined)
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${contentType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n${status === 400 ? '' : 'retry-after: 1\r\n'}\r\n${body}`,
  )
  // What the peer still sends is not read; the socket goes once the answer is out.
  socket.once('finish', () => socket.destroy())
}
