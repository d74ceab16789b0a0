// Two counters over the last ten seconds, in fixed memory. Worker; used by breaker.ts and retry-budget.ts.

const bucketMs = 1000
const bucketCount = 10

export interface RollingCount {
  /** Adds to both counters of the present second. */
  add(nowMs: number, all: number, marked: number): void
  all(nowMs: number): number
  marked(nowMs: number): number
  clear(): void
}

export function createRollingCount(): RollingCount {
  const all = new Float64Array(bucketCount)
  const marked = new Float64Array(bucketCount)
  let newest = 0
  let allSum = 0
  let markedSum = 0

  /** Forgets the buckets that went by since the last call. */
  function moveTo(nowMs: number): number {
    const bucket = Math.floor(nowMs / bucketMs)
    const steps = Math.min(bucket - newest, bucketCount)
    for (let step = 1; step <= steps; step++) {
      const slot = (bucket - steps + step) % bucketCount
      allSum -= all[slot] as number
      markedSum -= marked[slot] as number
      all[slot] = 0
      marked[slot] = 0
    }
    if (bucket > newest) newest = bucket
    return newest % bucketCount
  }

  return {
    add(nowMs, allBy, markedBy) {
      const slot = moveTo(nowMs)
      all[slot] = (all[slot] as number) + allBy
      marked[slot] = (marked[slot] as number) + markedBy
      allSum += allBy
      markedSum += markedBy
    },
    all(nowMs) {
      moveTo(nowMs)
      return allSum
    },
    marked(nowMs) {
      moveTo(nowMs)
      return markedSum
    },
    clear() {
      all.fill(0)
      marked.fill(0)
      allSum = 0
      markedSum = 0
    },
  }
}
