// Whether Consul is there, judged by how its questions end. Main thread; kept by client.ts.
import type { ConsulStatus } from '../../contract/control-api.ts'
import type { Clock } from '../../contract/ports.ts'

/** Errors that Consul answers may concern one service only: they say that it is down when nothing succeeds meanwhile. */
const doubtMs = 4_000

export class Presence {
  readonly #clock: Clock
  readonly #listeners: ((status: ConsulStatus) => void)[] = []
  #succeededAtMs = Number.NEGATIVE_INFINITY
  #status: ConsulStatus

  constructor(url: string, clock: Clock) {
    this.#clock = clock
    this.#status = { url, up: null, error: null, since: null }
  }

  status(): ConsulStatus {
    return this.#status
  }

  /** Calls back when Consul comes or goes, at once if it was asked already. */
  onChange(callback: (status: ConsulStatus) => void): void {
    this.#listeners.push(callback)
    if (this.#status.up !== null) callback(this.#status)
  }

  succeeded(): void {
    this.#succeededAtMs = this.#clock.monotonicMs()
    this.#note(null)
  }

  /** `silent`: it did not even answer. */
  failed(reason: string, silent: boolean): void {
    const lately = this.#clock.monotonicMs() - this.#succeededAtMs < doubtMs
    if (silent || !lately) this.#note(reason)
  }

  #note(error: string | null): void {
    const up = error === null
    const changed = this.#status.up !== up
    const since = changed ? new Date(this.#clock.wallMs()).toISOString() : this.#status.since
    this.#status = { ...this.#status, up, error, since }
    if (changed) for (const listener of this.#listeners) listener(this.#status)
  }
}
