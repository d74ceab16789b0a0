// The first bytes of a plain connection decide which HTTP it speaks (RFC 9113 section 3.3, prior knowledge). Worker thread;
// made by listener.ts where a plain listener speaks both.
import type { Socket } from 'node:net'
import type { Deadlines, Limited } from '../http1/deadlines.ts'
import { preface } from './frame-reader.ts'

export interface OpeningParts {
  readonly socket: Socket
  readonly deadlines: Deadlines
  /** For as much as it takes to tell. */
  readonly headersMs: number
  /** The bytes that were read are the first ones that the socket gives again. */
  readonly onTold: (isHttp2: boolean) => void
  /** The client left before. */
  readonly onGone: () => void
}

export class Opening implements Limited {
  deadlineMs: number
  readonly #parts: OpeningParts
  #seen: Buffer = Buffer.alloc(0)

  constructor(parts: OpeningParts) {
    const { socket, deadlines, headersMs } = parts
    this.#parts = parts
    this.deadlineMs = deadlines.after(headersMs)
    deadlines.watch(this)
    socket.on('data', this.#onData)
    socket.on('end', this.destroy)
    socket.on('close', this.#onClose)
    socket.on('error', ignore)
  }

  /** Nothing was asked yet. */
  drain(): void {
    this.destroy()
  }

  readonly destroy = (): void => {
    this.#parts.socket.destroy()
  }

  onDeadline(): void {
    this.destroy()
  }

  #onData = (chunk: Buffer): void => {
    const seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk])
    const bytes = Math.min(seen.length, preface.length)
    const isHttp2 = preface.compare(seen, 0, bytes, 0, bytes) === 0
    this.#seen = seen
    if (isHttp2 && bytes < preface.length) return
    const { socket, onTold } = this.#parts
    this.#leave()
    socket.pause()
    socket.unshift(seen)
    onTold(isHttp2)
    socket.resume()
  }

  #onClose = (): void => {
    this.#leave()
    this.#parts.onGone()
  }

  #leave(): void {
    const { socket, deadlines } = this.#parts
    deadlines.unwatch(this)
    socket.off('data', this.#onData)
    socket.off('end', this.destroy)
    socket.off('close', this.#onClose)
    socket.off('error', ignore)
  }
}

function ignore(): void {}
