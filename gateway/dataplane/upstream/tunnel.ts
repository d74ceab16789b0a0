// A WebSocket whose handshake both sides have agreed to: two sockets joined, bytes passed as they are. Worker thread;
// called by upstream-call.ts.
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { Exchange } from '../exchange.ts'
import type { Lasting } from '../long-lived.ts'
import { type CloseCode, FrameTracker, toCloseFrame } from './frames.ts'

/** How long a peer may keep its side open after the other one has closed, or was told that it is over. */
const lingerMs = 5_000

/** After so long without a byte the peer's system is asked whether it is still there: one that vanished is noticed. */
const keepAliveMs = 60_000

/** `ahead`: what the upstream sent behind its answer. From here on the bytes on the client's socket are the upstream's. */
export function joinTunnel(ex: Exchange, upstream: Duplex, ahead: Buffer): void {
  const headers = [...ex.responseHeaders, 'connection', 'Upgrade', 'upgrade', 'websocket']
  const client = ex.down.detach(headers)
  ex.headSent = true
  count(ex, client.socket)
  const tunnel = new Tunnel(ex, client.socket, upstream)
  tunnel.open(client.ahead, ahead)
  ex.runtime.longLived.add(ex, tunnel)
}

class Tunnel implements Lasting {
  readonly kind = 'websocket'
  readonly #client: Socket
  readonly #upstream: Duplex
  readonly #up: Direction
  readonly #down: Direction
  #timer: NodeJS.Timeout | undefined

  constructor(ex: Exchange, client: Socket, upstream: Duplex) {
    this.#client = client
    this.#upstream = upstream
    this.#up = new Direction(client, upstream)
    this.#down = new Direction(upstream, client)
    client.on('error', () => reset(upstream))
    upstream.on('error', (error) => {
      ex.failure = `${error.name}: ${error.message}`
      reset(client)
    })
    this.#endTogether()
    for (const socket of [client, upstream])
      if (socket instanceof Socket) socket.setKeepAlive(true, keepAliveMs)
  }

  /** What each side sent before the other one could be told goes first. */
  open(clientAhead: Buffer, upstreamAhead: Buffer): void {
    this.#down.start(upstreamAhead)
    this.#up.start(clientAhead)
  }

  /** Bytes that passed, either way. */
  bytes(): number {
    return this.#client.bytesRead + this.#client.bytesWritten
  }

  /** Both sides are told by a Close frame, each as soon as the frame that is under way to it is whole. */
  close(code: CloseCode, reason: string): void {
    this.#down.close(toCloseFrame(code, reason, false))
    this.#up.close(toCloseFrame(code, reason, true))
    this.#linger()
  }

  /**
   * A half-close is passed on. A peer that leaves it at that would hold both sockets for good, so that the other one has
   * only so long to say its last.
   */
  #endTogether(): void {
    let open = 2
    for (const [socket, other] of [
      [this.#client, this.#upstream],
      [this.#upstream, this.#client],
    ] as const) {
      socket.once('end', () => this.#linger())
      socket.once('close', () => {
        open -= 1
        if (open === 0) return clearTimeout(this.#timer)
        // One that is ended already may still be taking what was said to it.
        if (!other.writableEnded) other.destroy()
        this.#linger()
      })
    }
  }

  #linger(): void {
    this.#timer ??= setTimeout(() => {
      this.#client.destroy()
      this.#upstream.destroy()
    }, lingerMs)
  }
}

/** From one socket to the other, as fast as that one takes it. */
class Direction {
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #frames = new FrameTracker()
  /** What is to be said at the end of the frame that is under way; null: nothing. */
  #farewell: Buffer | null = null
  /** Nothing more is passed. */
  #over = false

  constructor(from: Duplex, to: Duplex) {
    this.#from = from
    this.#to = to
  }

  start(ahead: Buffer): void {
    if (ahead.length > 0) this.#pass(ahead)
    this.#from.on('data', (bytes: Buffer) => this.#pass(bytes))
    this.#from.on('end', () => {
      if (!this.#over) this.#to.end()
    })
    if (!this.#to.writableNeedDrain) this.#from.resume()
  }

  close(farewell: Buffer): void {
    if (this.#farewell !== null) return
    this.#farewell = farewell
    if (this.#frames.between) this.#end()
  }

  #pass(bytes: Buffer): void {
    if (this.#over || this.#to.destroyed) return
    let at = 0
    while (at < bytes.length && !this.#isDone()) at = this.#frames.advance(bytes, at)
    this.#write(at === bytes.length ? bytes : bytes.subarray(0, at))
    if (this.#isDone()) this.#end()
  }

  /** The last frame that is passed is whole. */
  #isDone(): boolean {
    return this.#farewell !== null && this.#frames.between
  }

  #write(bytes: Buffer): void {
    if (this.#to.write(bytes)) return
    this.#from.pause()
    this.#to.once('drain', () => this.#from.resume())
  }

  /** What still comes is thrown away, so that the peer's own Close and end are seen. */
  #end(): void {
    this.#over = true
    if (!this.#to.writableEnded) this.#to.end(this.#farewell)
    this.#from.resume()
  }
}

/** A reset is passed on as one: what came before it may not be all there was. TLS has no reset of its own. */
function reset(socket: Duplex): void {
  if (socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy()
  else socket.destroy()
}

/** What passes through the tunnel, told when its account is closed. */
function count(ex: Exchange, socket: Socket): void {
  const read = socket.bytesRead
  const written = socket.bytesWritten
  socket.prependOnceListener('close', () => {
    ex.requestBytes = socket.bytesRead - read
    ex.responseBytes = socket.bytesWritten - written
  })
}
