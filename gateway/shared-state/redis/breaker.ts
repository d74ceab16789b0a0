// Stops asking a Redis that does not answer, so that no request waits for it; tries it on its own until it does again.
// Any thread; called by link.ts.
import type { Clock } from '../../contract/ports.ts'

export interface BreakerOptions {
  readonly clock: Clock
  /** Failures in a row that open it. */
  readonly failures: number
  readonly probeMs: number
  /** Resolves when Redis does its work again; not a request's own command, which nobody should wait for in vain. */
  readonly probe: () => Promise<unknown>
  readonly onChange: (open: boolean) => void
}

export class Breaker {
  readonly #options: BreakerOptions
  #failed = 0
  #open = false
  #cancel: (() => void) | null = null

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get open(): boolean {
    return this.#open
  }

  succeeded(): void {
    this.#failed = 0
  }

  failed(): void {
    this.#failed += 1
    if (this.#open || this.#failed < this.#options.failures) return
    this.#open = true
    this.#options.onChange(true)
    this.#waitForProbe()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #waitForProbe(): void {
    const { clock, probeMs } = this.#options
    this.#cancel = clock.after(probeMs, () => {
      this.#options.probe().then(
        () => this.#close(),
        () => {
          if (this.#cancel !== null) this.#waitForProbe()
        },
      )
    })
  }

  #close(): void {
    if (this.#cancel === null) return
    this.#cancel = null
    this.#open = false
    this.#failed = 0
    this.#options.onChange(false)
  }
}
