// What a client may send that moves nothing: frames that cost us work and bring no request further. One per connection.
// Worker thread; used by connection.ts. Why these numbers: docs/decisions/http2.md.
import { Code, ConnectionFault } from './frames.ts'

export interface FloodLimits {
  /** Streams that a client may cancel in a minute, beyond one for each that it lets end. */
  readonly resetsPerMinute: number
  /** Frames in a minute that carry nothing, beyond those that its requests and answers account for. */
  readonly emptyFramesPerMinute: number
  /** More can never be on its way. */
  readonly connectionWindowBytes: number
}

/** A malformed request costs a decoded head and a rendered refusal. */
const malformedCost = 10
/** For each request that ends well: its SETTINGS, PING, PRIORITY and the like. */
const framesPerRequest = 20
/** WINDOW_UPDATE comes by stream and by connection; some clients send a PING for each piece, to measure the way. */
const framesPerPiece = 4
/** Smaller ones are what a client gets that opens its window by bytes. */
const pieceBytes = 1024

export class FloodGuard {
  readonly #resets: Bucket
  readonly #frames: Bucket
  readonly #mostExcused: number
  /** Bytes of bodies that may have been on their way when their requests were ended here. */
  #excused = 0

  constructor({ resetsPerMinute, emptyFramesPerMinute, connectionWindowBytes }: FloodLimits) {
    this.#mostExcused = connectionWindowBytes
    this.#resets = new Bucket(resetsPerMinute)
    this.#frames = new Bucket(emptyFramesPerMinute)
  }

  // Each of these throws a ConnectionFault where it was too much.

  onEmptyFrame(): void {
    if (!this.#frames.take(1)) throw tooMuch('frames that carry nothing')
  }

  /** Of a request that is over. */
  onLateData(bytes: number): void {
    if (bytes === 0 || bytes > this.#excused) return this.onEmptyFrame()
    this.#excused -= bytes
  }

  onMalformed(): void {
    if (!this.#frames.take(malformedCost)) throw tooMuch('malformed requests')
  }

  /** CVE-2025-8671: a request that the client makes us end was begun like one that it cancels. */
  onSpoiled(): void {
    this.onMalformed()
    this.onReset()
  }

  /** CVE-2023-44487. */
  onReset(): void {
    if (!this.#resets.take(1)) throw tooMuch('cancelled requests')
  }

  onRequestEnded(): void {
    this.#resets.give(1)
    this.#frames.give(framesPerRequest)
  }

  /** A request was ended here whose client could send so much more of it, and did not know. */
  excuse(bytes: number): void {
    this.#excused = Math.min(this.#mostExcused, this.#excused + Math.max(0, bytes))
  }

  onPieceSent(bytes: number): void {
    if (bytes >= pieceBytes) this.#frames.give(framesPerPiece)
  }
}

function tooMuch(what: string): ConnectionFault {
  return new ConnectionFault(Code.enhanceYourCalm, `too many ${what}`, 'flood')
}

/** Holds as much as comes in a minute. */
class Bucket {
  readonly #perMinute: number
  #level: number
  #filledAt = performance.now()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
    this.#level = perMinute
  }

  take(amount: number): boolean {
    if (this.#level < amount) this.#fill()
    if (this.#level < amount) return false
    this.#level -= amount
    return true
  }

  give(amount: number): void {
    this.#level = Math.min(this.#perMinute, this.#level + amount)
  }

  #fill(): void {
    const now = performance.now()
    this.give(((now - this.#filledAt) / 60_000) * this.#perMinute)
    this.#filledAt = now
  }
}
