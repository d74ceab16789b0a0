// Two tries of one request side by side, of which the first that has an answer goes on (hedged requests: Dean and
// Barroso, The Tail at Scale, 2013). Worker thread; made by forward.ts for upstreams with `hedge`.
import type { Exchange } from '../exchange.ts'
import type { UpstreamCall } from './upstream-call.ts'

export class Race {
  readonly #ex: Exchange
  readonly #running = new Set<UpstreamCall>()
  readonly #timer: NodeJS.Timeout

  /** When the first one is late, `second` makes another one, which enters before it is sent; or none. */
  constructor(ex: Exchange, first: UpstreamCall, afterMs: number, second: (race: Race) => void) {
    this.#ex = ex
    this.enter(first)
    this.#timer = setTimeout(() => {
      if (this.#running.has(first) && !ex.ended && !ex.answering) second(this)
    }, afterMs)
  }

  enter(call: UpstreamCall): void {
    this.#running.add(call)
    call.race = this
    this.#ex.abort = this
  }

  /** It failed. True: another one is still running, and what becomes of that is what counts. */
  leave(call: UpstreamCall): boolean {
    this.#running.delete(call)
    if (this.#running.size > 0) return true
    clearTimeout(this.#timer)
    return false
  }

  /** It has an answer: nobody waits for the other one. */
  win(call: UpstreamCall): void {
    clearTimeout(this.#timer)
    this.#running.delete(call)
    for (const other of this.#running) other.abandon()
    this.#running.clear()
    this.#ex.abort = call
  }

  /** The client is gone. */
  abort(): void {
    clearTimeout(this.#timer)
    for (const call of this.#running) call.abort()
    this.#running.clear()
  }
}
