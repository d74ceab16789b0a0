// What one worker's instruments hold, as it is posted to the main thread (structured clone) for merging.
// Made by gateway/dataplane/metrics.ts, read by gateway/control/metrics.ts.

export interface MetricsDump {
  /** Differs between two workers that had the same index one after the other. */
  readonly incarnation: string
  /** Counts up with every dump of one worker, so that a late answer cannot turn a counter back. */
  readonly sequence: number
  readonly families: readonly FamilyDump[]
}

interface FamilyHead {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

export type FamilyDump = ScalarFamilyDump | HistogramFamilyDump

export interface ScalarFamilyDump extends FamilyHead {
  readonly kind: 'counter' | 'gauge'
  readonly cap: LabelCap | null
  readonly series: readonly { readonly labels: readonly string[]; readonly value: number }[]
}

export interface HistogramFamilyDump extends FamilyHead {
  readonly kind: 'histogram'
  readonly bucketsSeconds: readonly number[]
  /** `counts` is not cumulative and has one more entry than there are buckets: what is above the last bound. */
  readonly series: readonly {
    readonly labels: readonly string[]
    readonly counts: readonly number[]
    readonly sum: number
  }[]
}

export interface LabelCap {
  /** Position of the capped label in `labelNames`. */
  readonly labelIndex: number
  readonly values: number
}

/** Value of a capped label that stands for all values past the cap. */
export const overflowValue = 'other'
