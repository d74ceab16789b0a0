// Stops asking an upstream whose answers of the last ten seconds were mostly failures, and finds out by single
// probes when it is back (Nygard, Release It!, circuit breaker). Worker; used by cluster.ts.
import { RollingCount } from './rolling-count.ts'

const leastVolume = 20
const openMs = 5000
const probesToClose = 3
/** A probe that has not ended by then (a long stream, a hang) no longer holds up the next one. */
const probeWaitMs = 5000

export class Breaker {
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  #openUntilMs = 0
  /** A probe is under way while this lies ahead. */
  #probeUntilMs = 0
  #goodProbes = 0
  /** All: tries that ended. Marked: failures. */
  readonly #results = new RollingCount()

  /** False while open, and while half-open with a probe under way. 0 percent is always true. */
  admits(nowMs: number, errorPercent: number): boolean {
    if (this.#state === 'closed' || errorPercent === 0) return true
    if (this.#state === 'open') {
      if (nowMs < this.#openUntilMs) return false
      this.#state = 'half-open'
      this.#goodProbes = 0
      this.#probeUntilMs = 0
    }
    return nowMs >= this.#probeUntilMs
  }

  isClosed(errorPercent: number): boolean {
    return this.#state === 'closed' || errorPercent === 0
  }

  began(nowMs: number): void {
    if (this.#state === 'half-open') this.#probeUntilMs = nowMs + probeWaitMs
  }

  /** A response head came that is no failure; a probe need not end before it counts. */
  answered(nowMs: number): void {
    if (this.#isProbing(nowMs)) this.#endProbe(nowMs, true)
  }

  succeeded(nowMs: number): void {
    if (this.#state === 'closed') this.#results.add(nowMs, 1, 0)
    else this.answered(nowMs)
  }

  failed(nowMs: number, errorPercent: number): void {
    if (this.#state !== 'closed') {
      // What began before the breaker opened may fail long after (a time-out); it says nothing about now.
      if (this.#isProbing(nowMs)) this.#endProbe(nowMs, false)
      return
    }
    this.#results.add(nowMs, 1, 1)
    const all = this.#results.all(nowMs)
    if (errorPercent === 0 || all < leastVolume) return
    if (this.#results.marked(nowMs) * 100 >= errorPercent * all) this.#open(nowMs)
  }

  /** The client left: no verdict, but another probe may go. */
  cancelled(nowMs: number): void {
    if (this.#isProbing(nowMs)) this.#probeUntilMs = 0
  }

  #isProbing(nowMs: number): boolean {
    return this.#state === 'half-open' && nowMs < this.#probeUntilMs
  }

  #endProbe(nowMs: number, good: boolean): void {
    this.#probeUntilMs = 0
    if (!good) {
      this.#open(nowMs)
      return
    }
    this.#goodProbes += 1
    if (this.#goodProbes < probesToClose) return
    this.#state = 'closed'
    this.#results.clear()
  }

  #open(nowMs: number): void {
    this.#state = 'open'
    this.#openUntilMs = nowMs + openMs
  }
}
