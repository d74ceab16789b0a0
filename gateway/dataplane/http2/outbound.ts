// All that goes to one client: frames gathered into pages, by turns of the streams, as far as windows and the socket let
// them (RFC 9113 section 5.2). Worker thread; one per connection, made by connection.ts.
import type { Socket } from 'node:net'
import { type Deadlines, Stall } from '../http1/deadlines.ts'
import { type Pages, pageBytes } from '../http1/pages.ts'
import type { FloodGuard } from './flood-guard.ts'
import {
  Code,
  ConnectionFault,
  Flag,
  firstWindow,
  frameBytes,
  headerBytes,
  largestWindow,
  Type,
  writeHeader,
} from './frames.ts'

/** A stream, as far as its answer goes. */
export interface Sender {
  readonly id: number
  /** What its client takes of it at present. */
  window: number
  /** It is its turn to send; whoever could not send all asks for another turn. */
  pump(): void
  /** Its last frame is with the kernel. */
  onSent(): void
}

export interface OutboundParts {
  readonly socket: Socket
  readonly pages: Pages
  readonly guard: FloodGuard
  readonly deadlines: Deadlines
  /** How long a client may take nothing at all. */
  readonly idleMs: number
}

/** One turn is that long, so that a large answer does not hold up the others of its connection. */
const turnFrames = 4

export class Outbound {
  /** The socket takes no more at present. */
  stalled = false
  /** Of streams that begin. */
  firstWindow = firstWindow
  readonly #parts: OutboundParts
  #page: Buffer | null = null
  #used = 0
  /** Whose last frame is on the page. */
  #ending: Sender[] = []
  #scheduled = false
  #window = firstWindow
  readonly #waiting = new Set<Sender>()
  #stall: Stall | null = null

  constructor(parts: OutboundParts) {
    this.#parts = parts
    parts.socket.on('drain', () => this.#onDrain())
  }

  /** A whole frame that no window holds back. */
  frame(type: number, flags: number, id: number, payload: Buffer | null): void {
    const length = payload === null ? 0 : payload.length
    const page = this.#begin(type, flags, id, length)
    payload?.copy(page, this.#used - length)
  }

  reset(id: number, code: Code): void {
    this.frame(Type.rstStream, 0, id, toUint32(code))
  }

  /** HEADERS, and CONTINUATION where one frame does not hold it. */
  headers(id: number, block: Buffer, last: boolean): void {
    const ending = last ? Flag.endStream : 0
    if (block.length <= frameBytes) return this.frame(Type.headers, ending | Flag.endHeaders, id, block)
    this.frame(Type.headers, ending, id, block.subarray(0, frameBytes))
    for (let at = frameBytes; at < block.length; at += frameBytes) {
      const flags = at + frameBytes >= block.length ? Flag.endHeaders : 0
      this.frame(Type.continuation, flags, id, block.subarray(at, at + frameBytes))
    }
  }

  /** DATA; how many of the bytes from `from` on went out in this turn. `last`: the stream ends with them. */
  data(sender: Sender, bytes: Buffer, from: number, last: boolean): number {
    let at = from
    for (let turn = 0; turn < turnFrames && at < bytes.length && !this.stalled; turn++) {
      const size = Math.min(bytes.length - at, frameBytes, sender.window, this.#window)
      if (size <= 0) break
      const flags = last && at + size === bytes.length ? Flag.endStream : 0
      const page = this.#begin(Type.data, flags, sender.id, size)
      bytes.copy(page, this.#used - size, at, at + size)
      sender.window -= size
      this.#window -= size
      at += size
      this.#parts.guard.onPieceSent(size)
    }
    return at - from
  }

  /** The frame before was the last one of its stream. */
  ending(sender: Sender): void {
    this.#ending.push(sender)
  }

  /** Asks for a turn once there is room. */
  wait(sender: Sender): void {
    this.#waiting.add(sender)
  }

  forget(sender: Sender): void {
    this.#waiting.delete(sender)
  }

  /** WINDOW_UPDATE of the connection. Throws a ConnectionFault. */
  widen(bytes: number): void {
    if (this.#window + bytes > largestWindow)
      throw new ConnectionFault(Code.flowControl, 'the window of the connection is too large')
    this.#window += bytes
    this.resume()
  }

  /** Gives turns to those who wait; one that asks for another gets it behind all others. */
  resume(): void {
    for (const sender of this.#waiting) {
      if (this.stalled || this.#window <= 0) return
      this.#waiting.delete(sender)
      sender.pump()
    }
  }

  flush(): void {
    const page = this.#page
    if (page === null) return
    const ending = this.#ending
    const { socket, pages } = this.#parts
    this.#page = null
    this.#ending = []
    if (socket.destroyed) return
    const tell = (): void => {
      for (const sender of ending) sender.onSent()
    }
    const free = pages.send(socket, page, this.#used, ending.length === 0 ? undefined : tell)
    if (!free) this.#stop()
  }

  /** The connection is over. */
  close(): void {
    this.#stall?.end()
    this.#page = null
    this.#waiting.clear()
  }

  /** The page, on which the place for the payload ends at `#used`. */
  #begin(type: number, flags: number, id: number, length: number): Buffer {
    if (this.#used + headerBytes + length > pageBytes) this.flush()
    if (this.#page === null) {
      this.#page = this.#parts.pages.take()
      this.#used = 0
      this.#schedule()
    }
    writeHeader(this.#page, this.#used, type, flags, id, length)
    this.#used += headerBytes + length
    return this.#page
  }

  /** What is said in one go, to all streams whose answers came with it, goes out in one write. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  #stop(): void {
    if (this.stalled) return
    const { deadlines, idleMs, socket } = this.#parts
    this.stalled = true
    this.#stall = new Stall(deadlines, idleMs, () => socket.destroy())
  }

  #onDrain(): void {
    if (!this.stalled) return
    this.stalled = false
    this.#stall?.end()
    this.#stall = null
    this.resume()
  }
}

/** The payload of RST_STREAM and WINDOW_UPDATE. */
export function toUint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
