// Two counters over the last ten seconds, in fixed memory. Worker; used by breaker.ts and retry-budget.ts.

const bucketMs = 1000
const bucketCount = 10

export class RollingCount {
  readonly #all = new Float64Array(bucketCount)
  readonly #marked = new Float64Array(bucketCount)
  #newest = 0
  #allSum = 0
  #markedSum = 0

  /** Adds to both counters of the present second. */
  add(nowMs: number, all: number, marked: number): void {
    this.#moveTo(nowMs)
    const slot = this.#newest % bucketCount
    this.#all[slot] = (this.#all[slot] as number) + all
    this.#marked[slot] = (this.#marked[slot] as number) + marked
    this.#allSum += all
    this.#markedSum += marked
  }

  all(nowMs: number): number {
    this.#moveTo(nowMs)
    return this.#allSum
  }

  marked(nowMs: number): number {
    this.#moveTo(nowMs)
    return this.#markedSum
  }

  clear(): void {
    this.#all.fill(0)
    this.#marked.fill(0)
    this.#allSum = 0
    this.#markedSum = 0
  }

  /** Forgets the seconds that left the window since the last call. */
  #moveTo(nowMs: number): void {
    const bucket = Math.floor(nowMs / bucketMs)
    const steps = Math.min(bucket - this.#newest, bucketCount)
    for (let step = 0; step < steps; step++) {
      const slot = (bucket - step) % bucketCount
      this.#allSum -= this.#all[slot] as number
      this.#markedSum -= this.#marked[slot] as number
      this.#all[slot] = 0
      this.#marked[slot] = 0
    }
    if (steps > 0) this.#newest = bucket
  }
}
