// The clock of production. process.hrtime is one clock for all threads; performance.now() starts anew in each.
import type { Clock } from './ports.ts'

export function createSystemClock(): Clock {
  return {
    monotonicMs() {
      const [seconds, nanoseconds] = process.hrtime()
      return seconds * 1_000 + nanoseconds / 1e6
    },
    wallMs: () => Date.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
  }
}
