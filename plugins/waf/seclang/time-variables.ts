// The scalar variables that tell the time, in UTC, and how long the transaction has run.

import type { State } from './state.ts'

interface ClockReader {
  readonly settled: 1 | 'volatile'
  readonly read: (state: State) => string | number
}

function clock(read: (date: Date) => string | number): ClockReader {
  return { settled: 1, read: (state) => read(new Date(state.startedMs)) }
}

function padded(value: number): string {
  return String(value).padStart(2, '0')
}

export const clockReaders: Readonly<Record<string, ClockReader>> = {
  DURATION: { settled: 'volatile', read: (state) => Math.max(0, state.nowMs() - state.startedMs) },
  TIME: clock((d) => `${padded(d.getUTCHours())}:${padded(d.getUTCMinutes())}:${padded(d.getUTCSeconds())}`),
  TIME_DAY: clock((d) => d.getUTCDate()),
  TIME_EPOCH: clock((d) => Math.floor(d.getTime() / 1000)),
  TIME_HOUR: clock((d) => d.getUTCHours()),
  TIME_MIN: clock((d) => d.getUTCMinutes()),
  TIME_MON: clock((d) => d.getUTCMonth()),
  TIME_SEC: clock((d) => d.getUTCSeconds()),
  TIME_WDAY: clock((d) => d.getUTCDay()),
  TIME_YEAR: clock((d) => d.getUTCFullYear()),
}
