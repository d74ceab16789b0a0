// A worker's instruments: what plugins and the data plane count into. Worker thread; made by gateway/worker.ts.
// Own children instead of prom-client's, which build a string key at every increment: 6 ns against 400 ns
// (docs/decisions/metrics.md). prom-client writes the text, on the main thread.
import { randomUUID } from 'node:crypto'
import {
  type HistogramFamilyDump,
  type LabelCap,
  type MetricsDump,
  overflowValue,
  type ScalarFamilyDump,
} from '../contract/metrics-dump.ts'
import type {
  CounterChild,
  GaugeChild,
  HistogramChild,
  Labelled,
  MetricsPort,
  SeriesOptions,
} from '../contract/ports.ts'

export interface WorkerMetrics {
  readonly port: MetricsPort
  dump(): Promise<MetricsDump>
}

/**
 * One worker keeps this many times the process-wide cap of values, so that the main thread, which sees all workers,
 * is the one that picks the busiest.
 */
const workerCapFactor = 4

export function createWorkerMetrics(): WorkerMetrics {
  const families = new Map<string, Family>()
  const incarnation = randomUUID()
  let sequence = 0

  function familyOf<Wanted extends Family>(wanted: Wanted): Wanted {
    const known = families.get(wanted.head.name)
    if (known === undefined) {
      checkHead(wanted.head)
      families.set(wanted.head.name, wanted)
      return wanted
    }
    if (shapeOf(known.head) !== shapeOf(wanted.head)) {
      throw new Error(
        `Metric ${wanted.head.name} is already defined with another type, help, labels or buckets; use the same ones or another name.`,
      )
    }
    return known as Wanted
  }

  return {
    port: {
      counter(name, help, labelNames, options) {
        const family = familyOf(new ScalarFamily({ kind: 'counter', name, help, labelNames }))
        if (options !== undefined) family.setCap(options)
        return family
      },
      gauge: (name, help, labelNames) =>
        familyOf(new ScalarFamily({ kind: 'gauge', name, help, labelNames })),
      histogram: (name, help, labelNames, bucketsSeconds) =>
        familyOf(new HistogramFamily({ kind: 'histogram', name, help, labelNames, bucketsSeconds })),
    },
    async dump() {
      sequence += 1
      return { incarnation, sequence, families: [...families.values()].map((family) => family.dump()) }
    },
  }
}

type Family = ScalarFamily | HistogramFamily

interface Head {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly bucketsSeconds?: readonly number[]
}

function shapeOf(head: Head): string {
  return JSON.stringify([head.kind, head.help, head.labelNames, head.bucketsSeconds ?? null])
}

/** What `promtool check metrics` would say, said where the metric is defined. */
function checkHead(head: Head): void {
  const refuse = (why: string) => {
    throw new Error(`Metric ${JSON.stringify(head.name)}: ${why}.`)
  }
  if (!/^[a-z][a-z0-9_]*$/.test(head.name)) refuse('a name has lower-case letters, digits and _ only')
  if (head.help === '') refuse('a help text is needed')
  if ((head.kind === 'counter') !== head.name.endsWith('_total')) {
    refuse('the name of a counter, and of nothing else, ends in _total')
  }
  if (head.kind === 'histogram' && !head.name.endsWith('_seconds')) {
    refuse('a histogram of durations is named ..._seconds')
  }
  for (const label of head.labelNames) {
    if (!/^[a-z][a-z0-9_]*$/.test(label) || label === 'le' || label === 'quantile') {
      refuse(`${JSON.stringify(label)} cannot be a label name`)
    }
  }
  const bounds = head.bucketsSeconds ?? []
  if (bounds.some((bound, i) => !Number.isFinite(bound) || (i > 0 && bound <= (bounds[i - 1] as number)))) {
    refuse('bucket bounds are finite numbers that go up')
  }
}

class Scalar implements CounterChild, GaugeChild {
  readonly labels: readonly string[]
  value = 0

  constructor(labels: readonly string[]) {
    this.labels = labels
  }
  inc(by = 1): void {
    // A counter that went down would read as a restart; NaN would stay for ever.
    if (by >= 0) this.value += by
  }
  set(value: number): void {
    this.value = value
  }
}

class ScalarFamily implements Labelled<Scalar> {
  readonly head: Head
  readonly children = new Map<string, Scalar>()
  cap: LabelCap | null = null
  readonly capped = new Set<string>()

  constructor(head: Head) {
    this.head = head
  }

  /** A later config may ask for another cap; values that are already there stay, counters must not go away. */
  setCap(options: SeriesOptions): void {
    if (options.capLabel === undefined || options.capValues === undefined) return
    const labelIndex = this.head.labelNames.indexOf(options.capLabel)
    if (labelIndex < 0)
      throw new Error(`Metric ${this.head.name} has no label ${options.capLabel} that could be capped.`)
    this.cap = { labelIndex, values: options.capValues }
  }

  labels(...values: string[]): Scalar {
    checkCount(this.head, values)
    if (this.cap !== null) this.fold(this.cap, values)
    return childOf(this.children, values, () => new Scalar(values))
  }

  private fold(cap: LabelCap, values: string[]): void {
    const value = values[cap.labelIndex] as string
    if (value === overflowValue || this.capped.has(value)) return
    if (this.capped.size < cap.values * workerCapFactor) this.capped.add(value)
    else values[cap.labelIndex] = overflowValue
  }

  dump(): ScalarFamilyDump {
    const { name, help, labelNames } = this.head
    const kind = this.head.kind === 'gauge' ? 'gauge' : 'counter'
    const series = [...this.children.values()].map(({ labels, value }) => ({ labels, value }))
    return { kind, name, help, labelNames, cap: this.cap, series }
  }
}

class Histogram implements HistogramChild {
  readonly labels: readonly string[]
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum = 0

  constructor(labels: readonly string[], bounds: readonly number[]) {
    this.labels = labels
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }
  observe(seconds: number): void {
    // NaN is a caller's bug; it must not poison the sum for the life of the process.
    if (!(seconds >= 0)) return
    let i = 0
    while (i < this.bounds.length && seconds > (this.bounds[i] as number)) i += 1
    this.counts[i] = (this.counts[i] as number) + 1
    this.sum += seconds
  }
}

class HistogramFamily implements Labelled<Histogram> {
  readonly head: Head
  readonly children = new Map<string, Histogram>()

  constructor(head: Head) {
    this.head = head
  }
  labels(...values: string[]): Histogram {
    checkCount(this.head, values)
    return childOf(this.children, values, () => new Histogram(values, this.head.bucketsSeconds ?? []))
  }
  dump(): HistogramFamilyDump {
    const { name, help, labelNames, bucketsSeconds = [] } = this.head
    const series = [...this.children.values()].map(({ labels, counts, sum }) => ({
      labels,
      counts: [...counts],
      sum,
    }))
    return { kind: 'histogram', name, help, labelNames, bucketsSeconds, series }
  }
}

function checkCount(head: Head, values: readonly string[]): void {
  if (values.length === head.labelNames.length) return
  throw new Error(`Metric ${head.name} needs ${head.labelNames.length} label values, not ${values.length}.`)
}

function childOf<Child>(children: Map<string, Child>, values: readonly string[], make: () => Child): Child {
  const key = JSON.stringify(values)
  let child = children.get(key)
  if (child === undefined) {
    child = make()
    children.set(key, child)
  }
  return child
}
