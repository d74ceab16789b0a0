// How many tries may be repeated, as a share of the requests of the last ten seconds, so that an outage is not
// answered with a multiple of its load (the storm that keeps an upstream down). Worker; used by cluster.ts.
import { RollingCount } from './rolling-count.ts'

/**
 * Retries that ten seconds always allow: the default number of failures after which a dead target is ejected, so that
 * few requests can all be repeated until it is. It stops to matter at 25 requests in ten seconds (20 %).
 */
const alwaysAllowed = 5

export class RetryBudget {
  /** All: first tries. Marked: retries. */
  readonly #tries = new RollingCount()

  countRequest(nowMs: number): void {
    this.#tries.add(nowMs, 1, 0)
  }

  /** Takes one retry; false when the budget is spent. 0 percent allows none at all. */
  take(nowMs: number, budgetPercent: number): boolean {
    if (budgetPercent === 0) return false
    const allowed = Math.max(alwaysAllowed, (this.#tries.all(nowMs) * budgetPercent) / 100)
    if (this.#tries.marked(nowMs) + 1 > allowed) return false
    this.#tries.add(nowMs, 0, 1)
    return true
  }
}
