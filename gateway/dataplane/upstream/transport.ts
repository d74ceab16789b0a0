// How a request goes to one target and its answer comes back, whatever client carries it. Worker thread; implemented by
// http1/client.ts, http2/client.ts and undici-transport.ts, used by upstream-call.ts.
import type { Duplex } from 'node:stream'
import type { Fields } from '../http1/fields.ts'
import type { Trailers } from '../trailers.ts'

/** Takes the bytes of a request body. */
export interface BodySink {
  /** The bytes are the sink's. False: enough for now, `source.resume()` asks for more. */
  write(bytes: Buffer): boolean
  /** What an upstream may get of them; a transport that cannot send any passes them over. */
  end(trailers: Trailers): void
  /** The rest will not come. */
  fail(error: Error): void
}

/** A body that is still on its way from the client. */
export interface BodySource {
  start(sink: BodySink): void
  resume(): void
  /** True: `start` gives everything from the first byte on, once more. */
  rewind(): boolean
}

export interface UpstreamRequest {
  readonly method: string
  readonly path: string
  /** Flat list of names and values that are valid in HTTP; nothing in it speaks of the connection or the framing. */
  readonly headers: readonly string[]
  readonly body: BodySource | Buffer | null
  /** Bytes of the body; -1 when nobody knows. */
  readonly length: number
  /** The handshake of a WebSocket. */
  readonly upgrade: boolean
}

/** A try under way, as its handler sees it. */
export interface UpstreamStream {
  /** No further callback until `resume`, but onError. */
  pause(): void
  resume(): void
  /** Ends it; the handler hears of that by onError, unless it is over. */
  abort(reason: Error): void
}

/** Called back in this order; must not throw. */
export interface UpstreamHandler {
  /** A connection was found; the request goes out after this, unless it is aborted here. */
  onStart(stream: UpstreamStream): void
  /** Status 1xx are followed by another head. */
  onHead(stream: UpstreamStream, status: number, fields: Fields): void
  /** The bytes are valid during the call only. */
  onData(stream: UpstreamStream, bytes: Buffer): void
  /** As they came. */
  onEnd(trailers: Trailers): void
  /** Answer 101 to a handshake: the socket is the handler's. `ahead`: bytes that came with the head. */
  onUpgrade(fields: Fields, socket: Duplex, ahead: Buffer): void
  /** The end of it, at any point. */
  onError(error: Error): void
}

/** A request that waits for a connection. */
export interface Queued {
  /** None is on its way for it: it waits for who knows how long. */
  readonly full: boolean
  /** Nobody waits for it any longer; before `onStart` only. Its handler hears of nothing more. */
  leave(): void
}

export interface Transport {
  /** null: it went out, or has failed. */
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): Queued | null
  /** Lets requests under way end; resolves when the last connection is closed. */
  close(): Promise<unknown>
}
