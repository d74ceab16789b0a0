// A lean HTTP/1.1 client over node:net for upstreams with `"transport": "http1"` (docs/decisions/upstream-client.md
// has what it buys). One target; the dispatch interface is undici's. Worker thread; made by upstream/pools.ts.
import type { Dispatcher } from 'undici'
import { Call, Connection, type ConnectionOwner, type Http1Timeouts } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { Http1Request } from './request-head.ts'

export interface Http1ClientOptions {
  /** `http://host:port`. */
  readonly origin: string
  readonly connections: number
  readonly timeouts: Http1Timeouts
  readonly deadlines: Deadlines
}

export class Http1Client implements ConnectionOwner {
  readonly timeouts: Http1Timeouts
  readonly deadlines: Deadlines
  readonly #host: string
  readonly #port: number
  readonly #most: number
  readonly #all = new Set<Connection>()
  /** The most recently used last, so that those too many get old and go. */
  readonly #free: Connection[] = []
  readonly #waiting: Call[] = []
  #connecting = 0
  #closed: (() => void) | null = null

  constructor({ origin, connections, timeouts, deadlines }: Http1ClientOptions) {
    const { hostname, port } = new URL(origin)
    this.#host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
    this.#port = Number(port || 80)
    this.#most = connections
    this.timeouts = timeouts
    this.deadlines = deadlines
  }

  /** False: all connections are busy and the request waits until one is free. */
  dispatch(request: Http1Request, handler: Dispatcher.DispatchHandler): boolean {
    const call = this.#createCall(request, handler)
    if (call === null) return true
    const free = this.#free.pop()
    if (free !== undefined) {
      free.start(call)
      return true
    }
    this.#waiting.push(call)
    return this.#openForWaiting()
  }

  /** Lets requests under way end; resolves when the last connection is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve
      for (const connection of [...this.#free]) connection.close()
      this.#resolveWhenClosed()
    })
  }

  onConnected(): void {
    this.#connecting -= 1
  }

  onFree(connection: Connection): void {
    const next = this.#waiting.shift()
    if (next !== undefined) connection.start(next)
    else if (this.#closed !== null) connection.close()
    else this.#free.push(connection)
  }

  onGone(connection: Connection, connectError: Error | null): void {
    this.#all.delete(connection)
    const at = this.#free.indexOf(connection)
    if (at >= 0) this.#free.splice(at, 1)
    if (connectError !== null) {
      this.#connecting -= 1
      this.#waiting.shift()?.fail(connectError)
    }
    this.#openForWaiting()
    this.#resolveWhenClosed()
  }

  #createCall(request: Http1Request, handler: Dispatcher.DispatchHandler): Call | null {
    try {
      return new Call(request, handler)
    } catch (error) {
      // There is no call to give: undici has no controller yet in this case either.
      handler.onResponseError?.(null as never, error as Error)
      return null
    }
  }

  /** One connection for each request that waits, up to the most allowed; false when that is reached. */
  #openForWaiting(): boolean {
    while (this.#connecting < this.#waiting.length) {
      if (this.#all.size >= this.#most) return false
      this.#connecting += 1
      this.#all.add(new Connection(this, this.#host, this.#port))
    }
    return true
  }

  #resolveWhenClosed(): void {
    if (this.#closed !== null && this.#all.size === 0 && this.#waiting.length === 0) this.#closed()
  }
}
