// A lean HTTP/1.1 client over node:net (docs/decisions/http1.md has what it buys): the connections to one
// target, and the requests that wait for one. Worker thread; made by upstream/pools.ts.
import type { Transport, UpstreamHandler, UpstreamRequest } from '../upstream/transport.ts'
import { Call, ClientConnection, type ClientTimeouts, type ConnectionPool } from './client-connection.ts'
import type { Deadlines } from './deadlines.ts'

export interface Http1ClientOptions {
  /** `http://host:port`. */
  readonly origin: string
  readonly connections: number
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly readBuffer: Uint8Array
}

export class Http1Client implements Transport, ConnectionPool {
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly readBuffer: Uint8Array
  readonly #address: { readonly host: string; readonly port: number }
  readonly #most: number
  readonly #all = new Set<ClientConnection>()
  /** The most recently used last, so that those too many get old and go. */
  readonly #free: ClientConnection[] = []
  readonly #waiting: Call[] = []
  #connecting = 0
  #closed: PromiseWithResolvers<void> | null = null

  constructor({ origin, connections, timeouts, deadlines, readBuffer }: Http1ClientOptions) {
    const { hostname, port } = new URL(origin)
    this.#address = {
      host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      port: Number(port || 80),
    }
    this.#most = connections
    this.timeouts = timeouts
    this.deadlines = deadlines
    this.readBuffer = readBuffer
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): boolean {
    const call = new Call(request, handler)
    if (request.upgrade) return this.#dispatchHandshake(call)
    const free = this.#free.pop()
    if (free !== undefined) {
      if (!free.start(call)) this.onFree(free)
      return true
    }
    this.#waiting.push(call)
    return this.#openForWaiting()
  }

  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers()
    for (const connection of [...this.#free]) connection.close()
    this.#resolveWhenClosed()
    return this.#closed.promise
  }

  onConnected(): void {
    this.#connecting -= 1
  }

  onFree(connection: ClientConnection): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (connection.start(next)) return
    }
    if (this.#closed !== null) connection.close()
    else this.#free.push(connection)
  }

  onGone(connection: ClientConnection, connectError: Error | null): void {
    this.#all.delete(connection)
    const at = this.#free.indexOf(connection)
    if (at >= 0) this.#free.splice(at, 1)
    if (connectError !== null) {
      this.#connecting -= 1
      this.#waiting.shift()?.handler.onError(connectError)
    }
    this.#openForWaiting()
    this.#resolveWhenClosed()
  }

  /** A tunnel has a connection of its own, which never becomes one of the pool's. */
  #dispatchHandshake(call: Call): boolean {
    new ClientConnection(new HandshakePool(this, call), this.#address, true)
    return true
  }

  /** One connection for each request that waits, up to the most allowed; false when that is reached. */
  #openForWaiting(): boolean {
    while (this.#connecting < this.#waiting.length) {
      if (this.#all.size >= this.#most) return false
      this.#connecting += 1
      this.#all.add(new ClientConnection(this, this.#address, false))
    }
    return true
  }

  #resolveWhenClosed(): void {
    if (this.#all.size === 0 && this.#waiting.length === 0) this.#closed?.resolve()
  }
}

/** The pool of a connection that serves one handshake. */
class HandshakePool implements ConnectionPool {
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly readBuffer: Uint8Array
  #call: Call | null

  constructor({ timeouts, deadlines, readBuffer }: ConnectionPool, call: Call) {
    this.timeouts = timeouts
    this.deadlines = deadlines
    this.readBuffer = readBuffer
    this.#call = call
  }

  onConnected(): void {}

  /** Before the handshake, and after an answer that refused it. */
  onFree(connection: ClientConnection): void {
    const call = this.#call
    this.#call = null
    if (call === null || !connection.start(call)) connection.close()
  }

  onGone(_: ClientConnection, connectError: Error | null): void {
    if (connectError !== null) this.#call?.handler.onError(connectError)
    this.#call = null
  }
}
