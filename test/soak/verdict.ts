// Whether a curve is flat. A slope that a few high points cannot bend (Theil-Sen), and the halves compared: what has leaked
// is there in both. Garbage collection saws at the curves, so of each stretch of time the lower quartile stands for it.

export interface Point {
  readonly atMs: number
  readonly value: number
}

/** How much a curve may grow from one end to the other: the larger one of the two. */
export interface Tolerance {
  readonly share: number
  readonly amount: number
  /** Growth up to where the curve has been in the warm-up is none. */
  readonly fromPeak?: boolean
}

export interface Verdict {
  readonly flat: boolean
  readonly first: number
  readonly last: number
  /** From end to end, by the slope. */
  readonly growth: number
  /** Median of the second half less that of the first. */
  readonly step: number
  readonly allowed: number
}

const stretches = 12

/** Points in the order of their time, those of the warm-up apart. A curve that falls is flat. */
export function judge(points: readonly Point[], tolerance: Tolerance, warm: readonly Point[] = []): Verdict {
  const floors = toFloors(points)
  const slope = medianOf(slopesOf(floors))
  const first = floors[0]?.value ?? Number.NaN
  const last = floors.at(-1)?.value ?? Number.NaN
  const growth = slope * ((floors.at(-1)?.atMs ?? 0) - (floors[0]?.atMs ?? 0))
  const half = Math.floor(floors.length / 2)
  const early = medianOf(floors.slice(0, half).map(({ value }) => value))
  const late = medianOf(floors.slice(-half).map(({ value }) => value))
  const step = late - early
  const allowed = Math.max(tolerance.share * early, tolerance.amount)
  const peak = tolerance.fromPeak === true ? Math.max(...toFloors(warm).map(({ value }) => value)) : -Infinity
  // A line that grows by `allowed` steps by half of it. Not a number: not flat.
  const flat = growth <= allowed || step <= allowed / 2 || late <= peak + allowed / 2
  return { flat, first, last, growth, step, allowed }
}

function toFloors(points: readonly Point[]): Point[] {
  const count = Math.min(stretches, points.length)
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * points.length) / count)
    const stretch = points.slice(from, Math.floor(((index + 1) * points.length) / count))
    const values = stretch.map(({ value }) => value).sort((a, b) => a - b)
    const middle = stretch[Math.floor(stretch.length / 2)] as Point
    return { atMs: middle.atMs, value: values[Math.floor((values.length - 1) / 4)] as number }
  })
}

function slopesOf(points: readonly Point[]): number[] {
  return points.flatMap((a, index) =>
    points.slice(index + 1).map((b) => (b.value - a.value) / Math.max(1, b.atMs - a.atMs)),
  )
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}
