// The curves of a soak by subject, what each may grow by, and the picture of them.
import type { Sample } from './samples.ts'
import { judge, type Point, type Tolerance, type Verdict } from './verdict.ts'

export interface Subject {
  readonly title: string
  readonly unit: 'MB' | 'ms' | ''
  /** Of names in samples. */
  readonly curves: RegExp
  /** null: shown, not judged. */
  readonly tolerance: Tolerance | null
}

const megabyte = 1_000_000
const memory: Tolerance = { share: 0.1, amount: 8 * megabyte }
const handles: Tolerance = { share: 0.1, amount: 10 }

export const subjects: readonly Subject[] = [
  { title: 'V8 heaps', unit: 'MB', curves: / heap$/, tolerance: memory },
  { title: 'buffers outside of the heaps', unit: 'MB', curves: / buffers$/, tolerance: memory },
  // A machine that is short of memory or of time takes pages away, and a V8 with little to do gives them back.
  { title: 'resident memory', unit: 'MB', curves: /^rss$/, tolerance: { ...memory, fromPeak: true } },
  {
    title: 'file descriptors, sockets of the process',
    unit: '',
    curves: /^(fds|sockets)$/,
    tolerance: handles,
  },
  { title: 'sockets of each thread', unit: '', curves: / sockets$/, tolerance: handles },
  { title: 'timers of each thread', unit: '', curves: / timers$/, tolerance: handles },
  { title: 'other handles of each thread', unit: '', curves: / other handles$/, tolerance: handles },
  { title: 'metric series', unit: '', curves: /^series$/, tolerance: { share: 0.02, amount: 10 } },
  { title: 'event loop lag (not judged)', unit: 'ms', curves: / lag$/, tolerance: null },
]

export interface JudgedCurve extends Verdict {
  readonly name: string
  readonly unit: Subject['unit']
}

export function judgeAll(samples: readonly Sample[], warmMs: number): JudgedCurve[] {
  const warm = samples.filter(({ atMs }) => atMs < warmMs)
  const judged = samples.filter(({ atMs }) => atMs >= warmMs)
  return subjects.flatMap(({ curves, tolerance, unit }) =>
    tolerance === null
      ? []
      : namesIn(samples, curves).map((name) => ({
          ...{ name, unit },
          ...judge(pointsOf(judged, name), tolerance, pointsOf(warm, name)),
        })),
  )
}

export function namesIn(samples: readonly Sample[], curves: RegExp): string[] {
  const names = new Set(samples.flatMap(({ values }) => Object.keys(values)))
  return [...names].filter((name) => curves.test(name)).sort()
}

export function pointsOf(samples: readonly Sample[], name: string): Point[] {
  return samples.flatMap(({ atMs, values }) => {
    const value = values[name]
    return value === undefined ? [] : [{ atMs, value }]
  })
}

export function inUnit(value: number, unit: Subject['unit']): string {
  const scaled = unit === 'MB' ? value / megabyte : value
  const text = Math.abs(scaled) < 10 ? scaled.toFixed(1) : scaled.toFixed(0)
  return unit === '' ? text : `${text} ${unit}`
}
