// A request that waits for a place at its upstream. Worker thread; made by forward.ts.
import type { Exchange } from '../exchange.ts'
import { answerFailure, answerWith } from '../respond.ts'
import { tenantIdOf } from './caller.ts'
import type { Waiting } from './fair-line.ts'
import { upstreamFull } from './refusals.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

export class Turn implements Waiting {
  readonly tenantId: string
  readonly #ex: Exchange
  readonly #upstream: UpstreamHandle
  readonly #begin: (ex: Exchange, upstream: UpstreamHandle) => void
  #timer: NodeJS.Timeout | undefined

  constructor(
    ex: Exchange,
    upstream: UpstreamHandle,
    begin: (ex: Exchange, upstream: UpstreamHandle) => void,
  ) {
    this.tenantId = tenantIdOf(ex)
    this.#ex = ex
    this.#upstream = upstream
    this.#begin = begin
  }

  /** At most as long as for the head of an answer. */
  wait(): void {
    const { cluster, config } = this.#upstream
    const { headersMs } = config.timeouts
    this.#ex.abort = this
    this.#timer = setTimeout(() => {
      this.#ex.failure = `no place at ${this.#upstream.name} came free within ${headersMs} ms`
      cluster.giveUp(this)
    }, headersMs)
    cluster.wait(this)
  }

  /** The client is gone. */
  abort(): void {
    clearTimeout(this.#timer)
    this.#upstream.cluster.leave(this)
  }

  go(): void {
    clearTimeout(this.#timer)
    this.#ex.abort = null
    if (this.#ex.ended || this.#ex.answering) return
    try {
      this.#begin(this.#ex, this.#upstream)
    } catch (error) {
      answerFailure(this.#ex, error)
    }
  }

  refuse(): void {
    clearTimeout(this.#timer)
    this.#ex.abort = null
    answerWith(this.#ex, upstreamFull)
  }
}
