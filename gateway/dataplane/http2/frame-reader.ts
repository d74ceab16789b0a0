// Bytes of a client into whole frames (RFC 9113 section 4.1). Worker thread; one per connection, used by connection.ts.
import { Code, ConnectionFault, frameBytes, headerBytes, Type } from './frames.ts'

/** Section 3.4. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export interface FrameSink {
  /** The payload is the sink's to keep. Throws a ConnectionFault. */
  onFrame(type: number, flags: number, id: number, payload: Buffer): void
}

const nothing = Buffer.alloc(0)

export class FrameReader {
  readonly #sink: FrameSink
  /** An unfinished frame; an idle connection holds no memory. */
  #partial: Buffer = nothing
  #partialBytes = 0
  #begun = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Before the first frame, or within one that is not DATA. */
  get inHead(): boolean {
    if (!this.#begun) return true
    return this.#partialBytes > 0 && (this.#partialBytes < headerBytes || this.#partial[3] !== Type.data)
  }

  /** Throws a ConnectionFault. */
  read(input: Buffer): void {
    let at = this.#partialBytes > 0 ? this.#complete(input) : 0
    while (at < input.length) {
      const need = this.#need(input, at, input.length)
      if (input.length - at < need) return this.#hold(input, at)
      this.#take(input, at)
      at += need
    }
  }

  /** Fills up the unfinished frame; where in the input the next one begins. */
  #complete(input: Buffer): number {
    let at = 0
    while (this.#partialBytes > 0) {
      const need = this.#need(this.#partial, 0, this.#partialBytes)
      if (need > this.#partial.length) this.#grow(need)
      const taken = input.copy(this.#partial, this.#partialBytes, at, at + need - this.#partialBytes)
      this.#partialBytes += taken
      at += taken
      if (this.#partialBytes < need) return at
      // Its header may be all that was needed so far.
      if (this.#need(this.#partial, 0, need) > need) continue
      const whole = this.#partial
      this.#partial = nothing
      this.#partialBytes = 0
      this.#take(whole, 0)
    }
    return at
  }

  /** Bytes of what begins at `at`, as far as that can be said. */
  #need(bytes: Buffer, at: number, end: number): number {
    if (!this.#begun) return preface.length
    if (end - at < headerBytes) return headerBytes
    const length = bytes.readUIntBE(at, 3)
    if (length > frameBytes) throw new ConnectionFault(Code.frameSize, 'a frame is too large')
    return headerBytes + length
  }

  #take(bytes: Buffer, at: number): void {
    if (!this.#begun) {
      if (bytes.compare(preface, 0, preface.length, at, at + preface.length) !== 0)
        throw new ConnectionFault(Code.protocol, 'the connection does not begin with the preface')
      this.#begun = true
      return
    }
    const length = bytes.readUIntBE(at, 3)
    const from = at + headerBytes
    this.#sink.onFrame(
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
      bytes.subarray(from, from + length),
    )
  }

  #hold(input: Buffer, at: number): void {
    this.#partialBytes = input.length - at
    this.#partial = Buffer.allocUnsafeSlow(Math.max(this.#partialBytes, headerBytes))
    input.copy(this.#partial, 0, at)
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes)
    this.#partial.copy(larger, 0, 0, this.#partialBytes)
    this.#partial = larger
  }
}
