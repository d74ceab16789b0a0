// What the frames of a client say: checked, put together, and handed on (RFC 9113 sections 5 and 6). Worker thread; one per
// connection, made by connection.ts. Whatever is wrong with the connection itself is thrown as a ConnectionFault.
import type { FloodGuard } from './flood-guard.ts'
import type { FrameSink } from './frame-reader.ts'
import { Code, ConnectionFault, Flag, frameBytes, largestWindow, Setting, Type } from './frames.ts'
import { CompressionFault, HpackDecoder } from './hpack-decoder.ts'
import { type HeadLimits, HeadReader } from './request-head.ts'

export interface InboundSink {
  /** A header block on a stream that may be new. `ended`: nothing follows it on the stream. */
  onHead(id: number, head: HeadReader, ended: boolean): void
  /** `room`: bytes that count against the windows. */
  onData(id: number, bytes: Buffer, room: number, ended: boolean): void
  onReset(id: number): void
  onWindow(id: number, bytes: number): void
  /** The window of a stream that begins is another one. */
  onFirstWindow(bytes: number): void
  /** A SETTINGS frame was taken in. */
  onSettings(): void
  onPing(payload: Buffer, isAck: boolean): void
  onGoAway(): void
  /** True: the stream has not begun, and no frame but HEADERS may begin it. */
  isIdle(id: number): boolean
}

/** A header block that is not whole yet. */
interface Block {
  readonly id: number
  readonly ended: boolean
  readonly pieces: Buffer[]
  bytes: number
}

/** A block as large as its fields may be takes at most so much more room: Huffman's code makes rare bytes longer. */
const blockFactor = 4
/** A block within its bounds has no use for more; CVE-2024-27316 and its kin send them without end. */
const mostPieces = 32

export class Inbound implements FrameSink {
  readonly #sink: InboundSink
  readonly #guard: FloodGuard
  readonly #limits: HeadLimits
  readonly #decoder = new HpackDecoder()
  #block: Block | null = null
  #settled = false
  #stopped = false
  /** Frames that are whole, a header block counted as one. */
  units = 0

  constructor(sink: InboundSink, guard: FloodGuard, limits: HeadLimits) {
    this.#sink = sink
    this.#guard = guard
    this.#limits = limits
  }

  /** Whatever else is in the bytes at hand is passed over. */
  stop(): void {
    this.#stopped = true
  }

  /** Between HEADERS and the end of its block. */
  get inBlock(): boolean {
    return this.#block !== null
  }

  onFrame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#stopped) return
    if (this.#block !== null && (type !== Type.continuation || id !== this.#block.id))
      throw broken('a header block is interrupted')
    // Section 3.4.
    if (!this.#settled && type !== Type.settings) throw broken('the first frame is not SETTINGS')
    this.#take(type, flags, id, payload)
    if (this.#block === null) this.units += 1
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case Type.data:
        return this.#onData(flags, id, payload)
      case Type.headers:
        return this.#onHeaders(flags, id, payload)
      case Type.continuation:
        return this.#onContinuation(flags, payload)
      case Type.rstStream:
        return this.#onReset(id, payload)
      case Type.settings:
        return this.#onSettings(flags, id, payload)
      case Type.ping:
        return this.#onPing(flags, id, payload)
      case Type.windowUpdate:
        return this.#onWindowUpdate(id, payload)
      case Type.goAway:
        if (id !== 0) throw broken('GOAWAY is not for a stream')
        if (payload.length < 8) throw missized('GOAWAY')
        this.#guard.onEmptyFrame()
        return this.#sink.onGoAway()
      case Type.pushPromise:
        throw broken('clients push nothing')
      case Type.priority:
        this.#checkPriority(id, payload)
    }
    // PRIORITY is obsolete (section 5.3.2); what is not known is passed over (section 5.5).
    this.#guard.onEmptyFrame()
  }

  #onData(flags: number, id: number, payload: Buffer): void {
    if (id === 0 || this.#sink.isIdle(id)) throw broken('DATA is for no stream')
    const bytes = unpad(flags, payload, 0)
    const ended = (flags & Flag.endStream) !== 0
    if (bytes.length === 0 && !ended) this.#guard.onEmptyFrame()
    this.#sink.onData(id, bytes, payload.length, ended)
  }

  #onHeaders(flags: number, id: number, payload: Buffer): void {
    if (id % 2 === 0) throw broken('clients begin streams with odd numbers only')
    const prefix = (flags & Flag.priority) === 0 ? 0 : 5
    const piece = unpad(flags, payload, prefix)
    this.#block = { id, ended: (flags & Flag.endStream) !== 0, pieces: [piece], bytes: piece.length }
    this.#addPiece(flags)
  }

  #onContinuation(flags: number, payload: Buffer): void {
    const block = this.#block
    if (block === null) throw broken('CONTINUATION continues nothing')
    block.pieces.push(payload)
    block.bytes += payload.length
    this.#addPiece(flags)
  }

  #addPiece(flags: number): void {
    const block = this.#block as Block
    const most = blockFactor * this.#limits.headBytes
    if (block.bytes > most || block.pieces.length > mostPieces)
      throw new ConnectionFault(Code.enhanceYourCalm, 'a header block is too large', 'flood')
    if ((flags & Flag.endHeaders) === 0) return
    this.#block = null
    const head = new HeadReader(this.#limits)
    const bytes = block.pieces.length === 1 ? (block.pieces[0] as Buffer) : Buffer.concat(block.pieces)
    try {
      this.#decoder.decode(bytes, head.onField)
    } catch (error) {
      if (!(error instanceof CompressionFault)) throw error
      throw new ConnectionFault(Code.compression, error.message)
    }
    this.#sink.onHead(block.id, head, block.ended)
  }

  #onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw missized('RST_STREAM')
    if (id === 0 || this.#sink.isIdle(id)) throw broken('RST_STREAM is for no stream')
    this.#sink.onReset(id)
  }

  #onSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw broken('SETTINGS are not for a stream')
    const isAck = (flags & Flag.ack) !== 0
    if (isAck ? payload.length > 0 : payload.length % 6 !== 0) throw missized('SETTINGS')
    if (isAck && !this.#settled) throw broken('the first frame is not SETTINGS')
    this.#guard.onEmptyFrame()
    if (isAck) return
    this.#settled = true
    let window = -1
    for (let at = 0; at < payload.length; at += 6) {
      const name = payload.readUInt16BE(at)
      const value = payload.readUInt32BE(at + 2)
      checkSetting(name, value)
      if (name === Setting.initialWindowSize) window = value
    }
    // Only the last one: to each all open streams would send something.
    if (window >= 0) this.#sink.onFirstWindow(window)
    this.#sink.onSettings()
  }

  #onPing(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw broken('PING is not for a stream')
    if (payload.length !== 8) throw missized('PING')
    this.#guard.onEmptyFrame()
    this.#sink.onPing(payload, (flags & Flag.ack) !== 0)
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw missized('WINDOW_UPDATE')
    if (id !== 0 && this.#sink.isIdle(id)) throw broken('WINDOW_UPDATE is for no stream')
    const bytes = payload.readUInt32BE(0) & largestWindow
    if (bytes === 0 && id === 0) throw broken('WINDOW_UPDATE of nothing')
    this.#guard.onEmptyFrame()
    this.#sink.onWindow(id, bytes)
  }

  #checkPriority(id: number, payload: Buffer): void {
    if (id === 0) throw broken('PRIORITY is for no stream')
    if (payload.length !== 5) throw missized('PRIORITY')
  }
}

/** Our frames are of the size that everybody takes, and our header blocks use no table: most settings change nothing. */
function checkSetting(name: number, value: number): void {
  if (name === Setting.enablePush && value > 1) throw broken('ENABLE_PUSH is neither 0 nor 1')
  if (name === Setting.maxFrameSize && (value < frameBytes || value > 0xff_ffff))
    throw broken('MAX_FRAME_SIZE is out of range')
  if (name === Setting.initialWindowSize && value > largestWindow)
    throw new ConnectionFault(Code.flowControl, 'INITIAL_WINDOW_SIZE is too large')
}

/** The payload without padding (section 6.1) and without `prefix` bytes at its beginning. */
function unpad(flags: number, payload: Buffer, prefix: number): Buffer {
  const padded = (flags & Flag.padded) !== 0
  if (!padded && prefix === 0) return payload
  const from = (padded ? 1 : 0) + prefix
  if (payload.length < from) throw missized('a frame')
  const to = payload.length - (padded ? (payload[0] as number) : 0)
  if (to < from) throw broken('there is more padding than frame')
  return payload.subarray(from, to)
}

function broken(message: string): ConnectionFault {
  return new ConnectionFault(Code.protocol, message)
}

function missized(what: string): ConnectionFault {
  return new ConnectionFault(Code.frameSize, `${what} is not of the size that it must be`)
}
