// A lean HTTP/1.1 client over node:net and node:tls (docs/decisions/http1.md has what it buys): the connections to one
// target, and the requests that wait for one. Worker thread; made by upstream/pools.ts.
import type { TargetAddress } from '../upstream/target-address.ts'
import type { Queued, Transport, UpstreamHandler, UpstreamRequest } from '../upstream/transport.ts'
import { Call, ClientConnection, type ClientTimeouts, type ConnectionPool } from './client-connection.ts'
import type { Deadlines } from './deadlines.ts'

export interface Http1ClientOptions {
  readonly target: TargetAddress
  readonly connections: number
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly readBuffer: Uint8Array
}

export class Http1Client implements Transport, ConnectionPool {
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly readBuffer: Uint8Array
  readonly #target: TargetAddress
  readonly #most: number
  readonly #all = new Set<ClientConnection>()
  /** The most recently used last, so that those too many get old and go. */
  readonly #free: ClientConnection[] = []
  /** Free since turn `#freshTurn` of the event loop: whether the upstream closed behind its answer was not looked at yet. */
  readonly #fresh: ClientConnection[] = []
  #freshTurn = 0
  readonly #waiting: Call[] = []
  readonly #connecting = new Set<ClientConnection>()
  #turn: NodeJS.Immediate | null = null
  #closed: PromiseWithResolvers<void> | null = null

  constructor({ target, connections, timeouts, deadlines, readBuffer }: Http1ClientOptions) {
    this.#target = target
    this.#most = connections
    this.timeouts = timeouts
    this.deadlines = deadlines
    this.readBuffer = readBuffer
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): Queued | null {
    const call = new Call(request, handler)
    if (request.upgrade) return this.#dispatchHandshake(call)
    this.#settle()
    const free = this.#waiting.length === 0 ? this.#free.pop() : undefined
    if (free !== undefined) {
      if (!free.start(call)) this.onFree(free)
      return null
    }
    call.line = this.#waiting
    this.#waiting.push(call)
    call.full = !this.#serveWaiting()
    return call
  }

  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers()
    this.#closeIdle()
    this.#resolveWhenClosed()
    return this.#closed.promise
  }

  onConnected(connection: ClientConnection): void {
    this.#connecting.delete(connection)
  }

  onFree(connection: ClientConnection): void {
    this.#settle()
    this.#fresh.push(connection)
    if (this.#waiting.length > 0) this.#awaitTurn()
    else this.#closeIdle()
  }

  onGone(connection: ClientConnection, unused: Error | null): void {
    this.#all.delete(connection)
    this.#connecting.delete(connection)
    remove(this.#fresh, connection)
    remove(this.#free, connection)
    // Who waited for one that was of no use at all does not wait for another.
    if (unused !== null) this.#waiting.shift()?.handler.onError(unused)
    this.#serveWaiting()
    this.#resolveWhenClosed()
  }

  /** A tunnel has a connection of its own, which never becomes one of the pool's. */
  #dispatchHandshake(call: Call): null {
    new ClientConnection(new HandshakePool(this, call), this.#target, true)
    return null
  }

  /** A connection for each request that waits; false: there may be no more. */
  #serveWaiting(): boolean {
    const ready = this.#free.length + this.#fresh.length
    if (this.#waiting.length > 0 && ready > 0) this.#awaitTurn()
    return this.#open(this.#waiting.length - ready - this.#connecting.size)
  }

  /** Up to the most allowed; false when that is reached. */
  #open(count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (this.#all.size >= this.#most) return false
      const connection = new ClientConnection(this, this.#target, false)
      this.#all.add(connection)
      this.#connecting.add(connection)
    }
    return true
  }

  /**
   * What came free is looked at once more before it is used: an upstream may close right behind its answer, and a request on
   * that connection would be lost. By the next turn of the event loop such an end was read.
   */
  #settle(): void {
    const turn = performance.nodeTiming.uvMetricsInfo.loopCount
    if (turn === this.#freshTurn) return
    this.#freshTurn = turn
    for (const connection of this.#fresh) this.#free.push(connection)
    this.#fresh.length = 0
  }

  #awaitTurn(): void {
    this.#turn ??= setImmediate(this.#onTurn)
  }

  #onTurn = (): void => {
    this.#turn = null
    this.#settle()
    while (this.#waiting.length > 0) {
      const connection = this.#free.pop()
      if (connection === undefined) break
      if (!connection.start(this.#waiting.shift() as Call)) this.#free.push(connection)
    }
    this.#serveWaiting()
    this.#closeIdle()
  }

  #closeIdle(): void {
    if (this.#closed === null || this.#waiting.length > 0) return
    for (const connection of [...this.#free, ...this.#fresh]) connection.close()
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

  onGone(_: ClientConnection, unused: Error | null): void {
    if (unused !== null) this.#call?.handler.onError(unused)
    this.#call = null
  }
}

function remove(list: ClientConnection[], one: ClientConnection): void {
  const at = list.indexOf(one)
  if (at >= 0) list.splice(at, 1)
}
