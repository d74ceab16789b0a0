// The body of one HTTP/2 request: held until somebody wants it, and as long as its window lets it come. Worker thread;
// one per stream, made by stream.ts.
import type { BodyReader } from '../downstream.ts'
import type { Trailers } from '../trailers.ts'

const firstBytes = 1024
const nothing = Buffer.alloc(0)

export class RequestBody {
  /** All of it came. */
  complete: boolean
  /** Bytes that came. */
  received = 0
  /** How many bytes the client may still send before it is told of more. */
  window: number
  readonly #windowBytes: number
  readonly #onTaken: (bytes: number) => void
  /** Room that the client was not told of yet. */
  #room = 0
  #trailers: Trailers = null
  #reader: BodyReader | null = null
  #paused = true
  #told = false
  /** Copies: a piece of one byte would hold all that was read from the socket along with it. */
  #held: Buffer = nothing
  #heldBytes = 0

  /** `onTaken`: so many bytes need no more room. */
  constructor(windowBytes: number, complete: boolean, onTaken: (bytes: number) => void) {
    this.window = windowBytes
    this.#windowBytes = windowBytes
    this.complete = complete
    this.#onTaken = onTaken
  }

  add(bytes: Buffer): void {
    this.received += bytes.length
    if (this.#paused || this.#reader === null || this.#heldBytes > 0) return this.#hold(bytes)
    this.#reader.onData(bytes)
    this.#onTaken(bytes.length)
  }

  end(trailers: Trailers): void {
    this.complete = true
    this.#trailers = trailers
    this.#deliver()
  }

  /** The rest will not come. */
  break(): void {
    const reader = this.#reader
    const broken = !this.complete
    this.drop()
    if (broken) reader?.onBroken()
  }

  /** Nobody wants it any longer. */
  drop(): void {
    this.#reader = null
    const bytes = this.#heldBytes
    this.#held = nothing
    this.#heldBytes = 0
    if (bytes > 0) this.#onTaken(bytes)
  }

  read(reader: BodyReader): void {
    this.#reader = reader
    this.#told = false
    this.resume()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#deliver()
  }

  /** All of it, where it is here and nobody reads it yet. */
  take(limitBytes: number): Buffer | null {
    if (!this.complete || this.#reader !== null || this.received > limitBytes) return null
    if (this.received !== this.#heldBytes || this.#trailers !== null) return null
    this.#told = true
    return this.#takeHeld()
  }

  /** Of these the client is told now, so that it goes on in time but not for each byte. */
  giveRoom(bytes: number): number {
    this.#room += bytes
    if (this.complete || 2 * this.#room < this.#windowBytes) return 0
    const room = this.#room
    this.#room = 0
    this.window += room
    return room
  }

  #deliver(): void {
    if (this.#reader !== null && !this.#paused && this.#heldBytes > 0) this.#reader.onData(this.#takeHeld())
    if (this.#reader === null || this.#paused || this.#heldBytes > 0 || !this.complete || this.#told) return
    this.#told = true
    this.#reader.onEnd(this.#trailers)
  }

  #takeHeld(): Buffer {
    const bytes = this.#held.subarray(0, this.#heldBytes)
    this.#held = nothing
    this.#heldBytes = 0
    if (bytes.length > 0) this.#onTaken(bytes.length)
    return bytes
  }

  #hold(bytes: Buffer): void {
    const length = this.#heldBytes + bytes.length
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(firstBytes, 2 * length))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = length
  }
}
