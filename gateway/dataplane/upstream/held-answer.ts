// The beginning of an upstream's answer, held back until plugins have seen it. Worker thread; made by upstream-call.ts
// where a response hook asked for it (ResponseView.inspectResponseBody).
import type { Verdict } from '../../contract/plugin.ts'
import { runResponseBodyHooks } from '../chain.ts'
import type { Exchange } from '../exchange.ts'

export class HeldAnswer {
  readonly #ex: Exchange
  #chunks: Buffer[] = []
  #bytes = 0
  /** True once the hooks look at it: what comes now waits for them. */
  judging = false

  constructor(ex: Exchange) {
    this.#ex = ex
  }

  /** True when this is as much as was asked for. */
  get full(): boolean {
    return this.#bytes >= this.#ex.inspectResponseUpTo
  }

  add(bytes: Buffer): void {
    // A copy: the transport reads into the same memory again.
    this.#chunks.push(Buffer.from(bytes))
    this.#bytes += bytes.length
  }

  /** A Reply: it takes the place of the answer. */
  judge(complete: boolean): Promise<Verdict> {
    this.judging = true
    this.#ex.responseBody = this.#join()
    this.#ex.responseBodyComplete = complete
    return runResponseBodyHooks(this.#ex)
  }

  /** What is to go out now; the exchange does not keep it. */
  take(): Buffer {
    this.#ex.responseBody = noBytes
    return this.#join()
  }

  #join(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] as Buffer
  }
}

const noBytes = new Uint8Array(0)
