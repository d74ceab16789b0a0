// Time-outs of connections by one coarse timer per worker: setting one is a store, not a timer. Worker thread.

/** Something that must not take longer than until `deadlineMs`, a value of Deadlines.after(); 0 is no limit. */
export interface Limited {
  deadlineMs: number
  onDeadline(): void
}

const tickMs = 100

export class Deadlines {
  readonly #watched = new Set<Limited>()
  #timer: NodeJS.Timeout | null = null
  /**
   * Counts ticks. It stands still while the event loop is held up, so that nobody is cut off for bytes that had long been
   * there, but were not read yet.
   */
  #nowMs = 0

  /** The deadline `ms` from now; it is late by two ticks and by what the event loop was held up, and never early. */
  after(ms: number): number {
    return this.#nowMs + tickMs + ms
  }

  watch(one: Limited): void {
    this.#watched.add(one)
    if (this.#timer !== null) return
    this.#timer = setInterval(() => this.#tick(), tickMs)
    // It must not keep a process alive that has nothing else to do.
    this.#timer.unref()
  }

  unwatch(one: Limited): void {
    this.#watched.delete(one)
    if (this.#watched.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #tick(): void {
    this.#nowMs += tickMs
    for (const one of this.#watched) {
      if (one.deadlineMs !== 0 && one.deadlineMs <= this.#nowMs) {
        one.deadlineMs = 0
        one.onDeadline()
      }
    }
  }
}

/** The wait for somebody to take more. */
export class Stall implements Limited {
  deadlineMs: number
  readonly #deadlines: Deadlines
  readonly #onLate: () => void

  constructor(deadlines: Deadlines, idleMs: number, onLate: () => void) {
    this.#deadlines = deadlines
    this.#onLate = onLate
    this.deadlineMs = deadlines.after(idleMs)
    deadlines.watch(this)
  }

  onDeadline(): void {
    this.#onLate()
  }

  end(): void {
    this.#deadlines.unwatch(this)
  }
}
