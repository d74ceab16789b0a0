// The text that Prometheus scrapes: the workers' instruments added up, and the main thread's own. Main thread;
// called by the control API. Counters never go backwards, whichever worker dies or answers late.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type MetricsDump, overflowValue } from '../contract/metrics-dump.ts'
import type { GaugeChild, Labelled, MetricsPort } from '../contract/ports.ts'
import { type Admissions, addDump, addSum, admit, type Sum, type SummedFamily } from './metrics-fold.ts'
import { addProcessMetrics } from './process-metrics.ts'

export interface OwnMetrics extends MetricsPort {
  /** `reset` takes all series away, for gauges of things that come and go. */
  gauge(name: string, help: string, labelNames: readonly string[]): Labelled<GaugeChild> & { reset(): void }
}

export interface MetricsMerge {
  /** The main thread's own instruments. */
  readonly own: OwnMetrics
  /** Prometheus text format 0.0.4. A worker that gave no dump this time counts with its last one. */
  merge(
    dumps: ReadonlyMap<number, MetricsDump>,
  ): Promise<{ readonly contentType: string; readonly text: string }>
  /** The worker is gone: its counts stay, its gauges go. */
  retire(workerIndex: number): void
}

/** Dead workers remembered by incarnation, so that an answer that comes late is not counted again. */
const rememberedDead = 256

export function createMetricsMerge(): MetricsMerge {
  const own = new Registry()
  const retired: Sum = new Map()
  const dead = new Set<string>()
  const last = new Map<number, MetricsDump>()
  const admissions: Admissions = new Map()
  addProcessMetrics(own)

  function retire(workerIndex: number): void {
    const dump = last.get(workerIndex)
    if (dump === undefined) return
    last.delete(workerIndex)
    dead.add(dump.incarnation)
    if (dead.size > rememberedDead) dead.delete(dead.values().next().value as string)
    admit(admissions, [dump])
    addDump(retired, dump, null, admissions)
  }

  function remember(workerIndex: number, dump: MetricsDump): void {
    if (dead.has(dump.incarnation)) return
    const before = last.get(workerIndex)
    if (before !== undefined && before.incarnation !== dump.incarnation) retire(workerIndex)
    else if (before !== undefined && before.sequence > dump.sequence) return
    last.set(workerIndex, dump)
  }

  return {
    own: createOwnPort(own),
    retire,
    async merge(dumps) {
      for (const [index, dump] of dumps) remember(index, dump)
      admit(admissions, [...last.values()])
      const sum: Sum = new Map()
      for (const [index, dump] of [...last].sort((a, b) => a[0] - b[0])) addDump(sum, dump, index, admissions)
      addSum(sum, retired)
      return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: await render(own, sum) }
    },
  }
}

/** prom-client's own instruments: nothing on the main thread counts often enough to need better. */
function createOwnPort(registry: Registry): OwnMetrics {
  const known = new Map<string, { readonly shape: string; readonly metric: unknown }>()
  function once<M>(kind: string, shape: readonly unknown[], make: () => M): M {
    const name = String(shape[0])
    const key = JSON.stringify([kind, ...shape])
    const before = known.get(name)
    if (before !== undefined && before.shape !== key) {
      throw new Error(`Metric ${name} is already defined with another type, help, labels or buckets.`)
    }
    if (before !== undefined) return before.metric as M
    const metric = make()
    known.set(name, { shape: key, metric })
    return metric
  }
  const registers = [registry]
  return {
    counter: (name, help, labels) =>
      once('counter', [name, help, labels], () => {
        return new Counter({ name, help, labelNames: [...labels], registers })
      }),
    gauge: (name, help, labels) =>
      once('gauge', [name, help, labels], () => {
        return new Gauge({ name, help, labelNames: [...labels], registers })
      }),
    histogram: (name, help, labels, buckets) =>
      once('histogram', [name, help, labels, buckets], () => {
        return new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers })
      }),
  }
}

interface Sample {
  readonly metricName?: string
  readonly labels: Record<string, string>
  readonly value: number
}

/** Hands families to prom-client the way its own aggregation does: as objects that answer `get`. */
async function render(own: Registry, sum: Sum): Promise<string> {
  const registry = new Registry()
  const hidden: string[] = []
  for (const family of sum.values()) {
    const { name, help, kind: type } = family.head
    if (own.getSingleMetric(name) !== undefined || name === overflowMetric) {
      hidden.push(`# Not shown: the workers' metric ${name}; the main thread has one of that name.\n`)
    } else register(registry, { name, help, type, values: samplesOf(family) })
  }
  register(registry, {
    name: overflowMetric,
    help: 'Increments counted under "other" because a label had reached its cap of values, by metric.',
    type: 'counter',
    values: overflowSamples(sum),
  })
  return `${await own.metrics()}\n${await registry.metrics()}${hidden.join('')}`
}

const overflowMetric = 'aegis_metric_series_overflow_total'

interface Exposed {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly Sample[]
}

function register(registry: Registry, exposed: Exposed): void {
  const metric = { ...exposed, get: async () => exposed }
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
}

function overflowSamples(sum: Sum): Sample[] {
  const samples: Sample[] = []
  for (const { head, series } of sum.values()) {
    if (head.kind === 'histogram' || head.cap === null) continue
    let value = 0
    for (const one of series.values()) {
      if (one.labels[head.cap.labelIndex] === overflowValue && 'value' in one) value += one.value
    }
    samples.push({ labels: { metric: head.name }, value })
  }
  return samples
}

function samplesOf(family: SummedFamily): Sample[] {
  const samples: Sample[] = []
  for (const series of family.series.values()) {
    const labels: Record<string, string> = {}
    family.labelNames.forEach((name, i) => {
      labels[name] = series.labels[i] as string
    })
    if ('value' in series) samples.push({ labels, value: series.value })
    else pushHistogram(samples, family, labels, series)
  }
  return samples
}

function pushHistogram(
  samples: Sample[],
  { head }: SummedFamily,
  labels: Record<string, string>,
  series: { readonly counts: readonly number[]; readonly sum: number },
): void {
  const bounds = head.kind === 'histogram' ? head.bucketsSeconds : []
  let count = 0
  series.counts.forEach((here, i) => {
    count += here
    const le = i < bounds.length ? String(bounds[i]) : '+Inf'
    samples.push({ metricName: `${head.name}_bucket`, labels: { ...labels, le }, value: count })
  })
  samples.push({ metricName: `${head.name}_sum`, labels, value: series.sum })
  samples.push({ metricName: `${head.name}_count`, labels, value: count })
}
