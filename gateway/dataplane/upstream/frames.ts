// Where the frames of a WebSocket begin and end (RFC 6455 section 5.2), told from their headers alone, and the one frame
// that the gateway itself may say. Worker thread; used by tunnel.ts.
import { randomBytes } from 'node:crypto'

/** 1001: the gateway goes away or the socket was idle for too long; 1008: it may no longer be (RFC 6455 section 7.4.1). */
export type CloseCode = 1001 | 1008

/** Follows one direction of a tunnel. Payloads are skipped, not looked at. */
export class FrameTracker {
  /** Bytes of the header that came so far; 0: the next byte begins a frame. */
  #headerBytes = 0
  /** Where the header and the length in it end, as far as is known. */
  #headerEnd = 2
  #lengthEnd = 2
  /** Bytes of the payload that are still to come. */
  #due = 0

  /** No frame is under way: another one may stand here, between the fragments of a message too. */
  get between(): boolean {
    return this.#headerBytes === 0
  }

  /** Follows the bytes from `at` on to the end of the frame that they belong to; returns where that is, or where they end. */
  advance(bytes: Uint8Array, at: number): number {
    let next = at
    while (this.#headerBytes < this.#headerEnd) {
      if (next === bytes.length) return next
      this.#readHeader(bytes[next] as number)
      next += 1
    }
    const payload = Math.min(this.#due, bytes.length - next)
    this.#due -= payload
    if (this.#due === 0) {
      this.#headerBytes = 0
      this.#headerEnd = 2
    }
    return next + payload
  }

  #readHeader(byte: number): void {
    const at = this.#headerBytes
    this.#headerBytes += 1
    if (at === 1) {
      const length = byte & 0x7f
      this.#due = length < 126 ? length : 0
      this.#lengthEnd = length === 127 ? 10 : length === 126 ? 4 : 2
      this.#headerEnd = this.#lengthEnd + (byte & 0x80 ? 4 : 0)
    } else if (at > 1 && at < this.#lengthEnd) this.#due = this.#due * 256 + byte
  }
}

/** A whole Close frame. `masked`: as a client sends it. The reason is ASCII of at most 123 bytes. */
export function toCloseFrame(code: CloseCode, reason: string, masked: boolean): Buffer {
  const payload = Buffer.alloc(2 + reason.length)
  payload.writeUInt16BE(code)
  payload.write(reason, 2, 'latin1')
  const head = Buffer.from([0x88, (masked ? 0x80 : 0) | payload.length])
  if (!masked) return Buffer.concat([head, payload])
  const mask = randomBytes(4)
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] as number) ^ (mask[i % 4] as number)
  return Buffer.concat([head, mask, payload])
}
