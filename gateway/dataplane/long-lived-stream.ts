// Answers that go on for as long as both sides like: event streams and gRPC. Worker thread; called by upstream-call.ts.
import type { Exchange } from './exchange.ts'
import type { Lasting } from './long-lived.ts'
import { breakOff } from './respond.ts'

/** Media types whose answers have no end of their own; everything else that is long, such as a download, has one. */
const endless = ['text/event-stream', 'application/grpc']

/** Of an answer whose length nobody said, once its head went out. */
export function watchStream(ex: Exchange): void {
  const type = ex.responseHeader('content-type')?.toLowerCase()
  if (type !== undefined && endless.some((one) => type.startsWith(one))) {
    ex.runtime.longLived.add(ex, new Stream(ex))
  }
}

class Stream implements Lasting {
  readonly kind = 'stream'
  readonly #ex: Exchange

  constructor(ex: Exchange) {
    this.#ex = ex
  }

  bytes(): number {
    return this.#ex.responseBytes
  }

  /** It must not look like an end that the service made. */
  close(): void {
    breakOff(this.#ex)
  }
}
