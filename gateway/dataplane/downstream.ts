// The client's side of one exchange, whatever version of HTTP it speaks: what came, and how it is answered. Worker thread;
// http1/server-stream.ts is the one for HTTP/1.1, http2/stream.ts that for HTTP/2.
import type { Socket } from 'node:net'
import type { Fields } from './http1/fields.ts'
import type { Secured } from './tls/secured.ts'
import type { Trailers } from './trailers.ts'

export interface RequestHead {
  /** '' where the head could not be read. */
  readonly method: string
  /** As sent. */
  readonly target: string
  readonly version: '1.0' | '1.1' | '2'
  /** As said by the request itself; null: HTTP/1.1 leaves it to the connection. */
  readonly scheme: 'http' | 'https' | null
  readonly fields: Fields
  /** null: there is none. */
  readonly host: string | null
  /** The Expect header; '' when there is none. */
  readonly expect: string
  readonly body: 'none' | 'fixed' | 'chunked'
  /** Content-Length; -1 when there is none. */
  readonly length: number
  /** The client lets the connection go on (RFC 9112 section 9.3). */
  readonly keepAlive: boolean
  /** Why it is refused; null when where it ends is beyond doubt. */
  readonly fault: RequestFault | null
}

export interface RequestFault {
  readonly status: 400 | 408 | 431 | 505
  readonly code: string
  /** A sentence for the client. */
  readonly detail: string
}

/** Takes a request body. The bytes are the reader's to keep. */
export interface BodyReader {
  onData(bytes: Buffer): void
  /** As they came. */
  onEnd(trailers: Trailers): void
  /** The rest will not come. */
  onBroken(): void
}

/** Hears how a request ends. */
export interface Served {
  /** The body is not valid or did not come in time. */
  onFault(fault: RequestFault): void
  /** All of the answer is out, or the client is gone. */
  onOver(): void
}

export interface Downstream {
  readonly head: RequestHead
  readonly remoteAddress: string
  /** null: plain text. */
  readonly secured: Secured | null
  /** All of the request came. */
  readonly complete: boolean
  /** All of the answer is on its way. */
  readonly answered: boolean
  /** Who serves it; set as soon as it is known. */
  served: Served | null

  /** From now on the body goes to `reader`; nothing of it is read before. */
  read(reader: BodyReader): void
  pause(): void
  resume(): void
  /** The body, where all of it came along with the head and it is no longer than `limitBytes`; it is then complete. */
  takeBody(limitBytes: number): Buffer | null
  /** `100 Continue`. */
  invite(): void
  /** Another interim answer. */
  inform(status: number, headers: readonly string[]): void
  /** `last`: no other request is served on this connection. The head waits for the first bytes of the body, or `flush`. */
  respond(status: number, headers: readonly string[], last: boolean): void
  flush(): void
  /** Takes what it needs of the bytes before it returns. False: enough for now, `onDrain` tells when to go on. */
  write(bytes: Buffer): boolean
  onDrain(callback: () => void): void
  /** The last bytes of the body, null for none; the trailers go to a client that can take them. */
  end(bytes: Uint8Array | string | null, trailers: Trailers): void
  /** Ends it so that the client can tell that the answer is not whole (RFC 9112 section 8). */
  breakOff(): void
  /** Answers 101 with this head and hands over the socket; `ahead`: what the client sent behind its request. */
  detach(headers: readonly string[]): { readonly socket: Socket; readonly ahead: Buffer }
}
