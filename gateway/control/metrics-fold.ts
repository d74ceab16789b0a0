// Adds up what workers counted, and keeps capped labels within their cap. Main thread; used by metrics.ts.
import {
  type FamilyDump,
  type LabelCap,
  type MetricsDump,
  overflowValue,
  type ScalarFamilyDump,
} from '../contract/metrics-dump.ts'

export type Series =
  | { readonly labels: readonly string[]; value: number }
  | { readonly labels: readonly string[]; counts: number[]; sum: number }

export interface SummedFamily {
  readonly head: FamilyDump
  readonly labelNames: readonly string[]
  readonly series: Map<string, Series>
}

export type Sum = Map<string, SummedFamily>

/**
 * What was decided about the values of a capped label, by metric. For good: a value that was shown may not vanish,
 * and one that was counted under `other` may not be taken out of it again, or a counter would go backwards.
 */
export type Admissions = Map<string, { readonly admitted: Set<string>; readonly refused: Set<string> }>

/** Refused values remembered for one metric; past it nothing is admitted any more, even under a raised cap. */
const rememberedRefusals = 10_000

/** Lets new values in, the busiest first, until the cap is reached. */
export function admit(admissions: Admissions, dumps: readonly MetricsDump[]): void {
  const waiting = new Map<string, { cap: LabelCap; totals: Map<string, number> }>()
  for (const dump of dumps) {
    for (const family of dump.families) {
      if (family.kind === 'histogram' || family.cap === null) continue
      const entry = waiting.get(family.name) ?? { cap: family.cap, totals: new Map<string, number>() }
      waiting.set(family.name, entry)
      addTotals(entry.totals, family, family.cap.labelIndex)
    }
  }
  for (const [name, { cap, totals }] of waiting) {
    const decided = admissions.get(name) ?? { admitted: new Set<string>(), refused: new Set<string>() }
    admissions.set(name, decided)
    for (const [value] of [...totals].sort((a, b) => b[1] - a[1])) decide(decided, value, cap.values)
  }
}

function decide(
  { admitted, refused }: { admitted: Set<string>; refused: Set<string> },
  value: string,
  cap: number,
): void {
  if (admitted.has(value) || refused.has(value) || refused.size >= rememberedRefusals) return
  if (admitted.size < cap) admitted.add(value)
  else refused.add(value)
}

function addTotals(totals: Map<string, number>, family: ScalarFamilyDump, labelIndex: number): void {
  for (const { labels, value } of family.series) {
    const of = labels[labelIndex] as string
    if (of !== overflowValue) totals.set(of, (totals.get(of) ?? 0) + value)
  }
}

/**
 * Adds one worker's dump. Counters and histograms are summed; a gauge says how one worker is, so it gets a `worker`
 * label. `worker` null: the worker is gone, and so are its gauges.
 */
export function addDump(sum: Sum, dump: MetricsDump, worker: number | null, admissions: Admissions): void {
  for (const family of dump.families) {
    if (family.kind === 'gauge' && worker === null) continue
    const labelled = family.kind === 'gauge' && !family.labelNames.includes('worker')
    const labelNames = labelled ? ['worker', ...family.labelNames] : family.labelNames
    const target = sum.get(family.name) ?? { head: family, labelNames, series: new Map<string, Series>() }
    if (!sameShape(target.head, family)) continue
    sum.set(family.name, target)
    for (const series of family.series) {
      const labels = labelled
        ? [String(worker), ...series.labels]
        : foldLabels(family, series.labels, admissions)
      addSeries(target, series, labels)
    }
  }
}

/** Adds a sum to another; families that changed their shape since (a plugin's new code) begin anew. */
export function addSum(sum: Sum, other: Sum): void {
  for (const [name, family] of other) {
    const target = sum.get(name) ?? { ...family, series: new Map<string, Series>() }
    if (!sameShape(target.head, family.head)) continue
    sum.set(name, target)
    for (const series of family.series.values()) addSeries(target, series, series.labels)
  }
}

function sameShape(a: FamilyDump, b: FamilyDump): boolean {
  return a === b || shapeOf(a) === shapeOf(b)
}

function shapeOf(family: FamilyDump): string {
  return JSON.stringify([
    family.kind,
    family.labelNames,
    family.kind === 'histogram' ? family.bucketsSeconds : null,
  ])
}

function foldLabels(
  family: FamilyDump,
  labels: readonly string[],
  admissions: Admissions,
): readonly string[] {
  if (family.kind === 'histogram' || family.cap === null) return labels
  const { labelIndex } = family.cap
  if (admissions.get(family.name)?.admitted.has(labels[labelIndex] as string)) return labels
  return labels.with(labelIndex, overflowValue)
}

type DumpedSeries =
  | { readonly labels: readonly string[]; readonly value: number }
  | { readonly labels: readonly string[]; readonly counts: readonly number[]; readonly sum: number }

function addSeries(target: SummedFamily, from: DumpedSeries, labels: readonly string[]): void {
  const key = JSON.stringify(labels)
  const into = target.series.get(key)
  if (into === undefined) {
    target.series.set(
      key,
      'value' in from ? { labels, value: from.value } : { labels, counts: [...from.counts], sum: from.sum },
    )
  } else if ('value' in into && 'value' in from) {
    // Only a gauge with a `worker` label of its own can meet itself here; its newest value counts.
    into.value = target.head.kind === 'gauge' ? from.value : into.value + from.value
  } else if ('counts' in into && 'counts' in from) {
    for (let i = 0; i < into.counts.length; i += 1)
      into.counts[i] = (into.counts[i] ?? 0) + (from.counts[i] ?? 0)
    into.sum += from.sum
  }
}
