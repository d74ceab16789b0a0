// A clock that tests move by hand.
import type { Clock } from '../../gateway/contract/ports.ts'

export interface TestClock extends Clock {
  /** Moves both clocks and runs what came due, in order. */
  advance(ms: number): void
  /** Moves only the wall clock, as an administrator or NTP does. */
  jumpWall(ms: number): void
}

export function createTestClock(startWallMs = 1_700_000_000_000): TestClock {
  let monotonic = 1_000
  let wall = startWallMs
  let pending: { at: number; callback: () => void }[] = []
  return {
    monotonicMs: () => monotonic,
    wallMs: () => wall,
    after(delayMs, callback) {
      const timer = { at: monotonic + delayMs, callback }
      pending.push(timer)
      return () => {
        pending = pending.filter((one) => one !== timer)
      }
    },
    advance(ms) {
      const end = monotonic + ms
      for (;;) {
        const next = pending.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        pending = pending.filter((one) => one !== next)
        wall += next.at - monotonic
        monotonic = next.at
        next.callback()
      }
      wall += end - monotonic
      monotonic = end
    },
    jumpWall(ms) {
      wall += ms
    },
  }
}
