// The processor time of a transaction. Asked between pieces of work; the clock itself only now and then.

export interface Budget {
  /** Once the time is used up it stays so. */
  readonly spent: boolean
  /** Notes work on a number of characters; true when the time is used up. */
  spend(characters: number): boolean
}

/** The time that the phases take, without the time between them. The clock is asked once for some kilobytes of work. */
export class ClockBudget implements Budget {
  readonly #clockMs: () => number
  #leftMs: number
  #startedMs = 0
  #work = 0
  #spent = false

  constructor(clockMs: () => number, budgetMs: number) {
    this.#clockMs = clockMs
    this.#leftMs = budgetMs
  }

  resume(): void {
    if (this.#leftMs !== Number.POSITIVE_INFINITY) this.#startedMs = this.#clockMs()
  }

  pause(): void {
    if (this.#leftMs !== Number.POSITIVE_INFINITY) this.#leftMs -= this.#clockMs() - this.#startedMs
  }

  get spent(): boolean {
    return this.#spent
  }

  spend(characters: number): boolean {
    this.#work += characters + 16
    if (this.#work < 4096 || this.#leftMs === Number.POSITIVE_INFINITY) return this.#spent
    this.#work = 0
    this.#spent ||= this.#clockMs() - this.#startedMs > this.#leftMs
    return this.#spent
  }
}
