// Turns requests away early while the event loop cannot keep up, those of the busiest tenants first. Worker thread; made
// by worker.ts, asked by pipeline.ts. Why so: docs/decisions/fair-shedding.md.
import type { CounterChild } from '../contract/ports.ts'
import { deny, type Reply } from '../contract/reply.ts'
import type { Exchange } from './exchange.ts'

/** How often the lag is measured. */
export const beatMs = 100

/** The median lag of so many beats counts: a collection of garbage or a reload is over sooner, a queue is not. */
const standingBeats = 3
/** Of the requests, the share that one beat more or less over the limit refuses more or less. */
const step = 0.05
const mostRefused = 0.9

export const overloaded: Reply = deny(
  503,
  'AEGIS_OVERLOADED',
  'The gateway has more work than it can do now.',
  ['retry-after', '1'],
)

export class Overload {
  readonly #limitMs: () => number
  readonly #lags: number[] = new Array<number>(standingBeats).fill(0)
  #beats = 0
  #refused = 0
  /** Requests of each tenant in this beat; counted only while there is too much to do. */
  #asked = new Map<string, number>()
  /** What one tenant may ask in this beat. */
  #perTenant = Number.POSITIVE_INFINITY

  /** `limitMs`: 0 turns it off. */
  constructor(limitMs: () => number) {
    this.#limitMs = limitMs
  }

  /** Every `beatMs`; `lagMs`: how late the loop came to it. */
  observe(lagMs: number): void {
    this.#lags[this.#beats++ % standingBeats] = lagMs
    const limitMs = this.#limitMs()
    const over = limitMs > 0 && medianOf(this.#lags) > limitMs
    this.#refused = over ? Math.min(mostRefused, this.#refused + step) : Math.max(0, this.#refused - step)
    // Steps are not exact in binary; what is left of the last one is nothing.
    if (limitMs === 0 || this.#refused < step / 2) this.#refused = 0
    this.#perTenant =
      this.#refused === 0 ? Number.POSITIVE_INFINITY : fairShare([...this.#asked.values()], 1 - this.#refused)
    this.#asked = new Map()
  }

  refuses(tenantId: string): boolean {
    if (this.#refused === 0) return false
    const asked = (this.#asked.get(tenantId) ?? 0) + 1
    this.#asked.set(tenantId, asked)
    return asked > this.#perTenant
  }
}

/** After routing, for that knows the host's tenant; `/health` was answered before. */
export function refuseOverload(ex: Exchange, overload: Overload, refused: CounterChild): Reply | undefined {
  if (!overload.refuses(ex.hostTenant?.id ?? '')) return undefined
  refused.inc()
  return overloaded
}

/**
 * The count up to which everybody is served when only this share of all can be: who asks for less gets all (max-min
 * fairness). At least one, so that nobody is shut out for ever. Nothing was counted yet: no bound.
 */
export function fairShare(counts: readonly number[], share: number): number {
  let left = share * counts.reduce((sum, count) => sum + count, 0)
  const sorted = counts.toSorted((a, b) => a - b)
  for (const [index, count] of sorted.entries()) {
    const each = left / (sorted.length - index)
    if (count > each) return Math.max(1, each)
    left -= count
  }
  return Number.POSITIVE_INFINITY
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}
