// Tables for the terminal.
import type { Scenario } from './scenario.ts'
import type { Row } from './turns.ts'

const header = ['', 'cost', 'x', 'x best', 'req/s', 'p50 ms', 'p99 ms', 'errors', 'rounds']

export function toTable(scenario: Scenario, rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.gateway,
    toShort(row.cost),
    toTimes(row.ratio),
    toTimes(row.bestRatio),
    row.perSecond.toFixed(0),
    toShort(row.p50Ms),
    toShort(row.p99Ms),
    String(row.errors),
    row.rounds.map(toShort).join(' '),
  ])
  const all = [header, ...cells]
  const widths = header.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)))
  const last = header.length - 1
  const lines = all.map((line) =>
    line
      .map((cell, column) =>
        column === 0 || column === last
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return [`${scenario.name}: ${scenario.about}; cost in ${scenario.unit}`, ...lines].join('\n')
}

/** No multiple of nothing. */
export function toTimes(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '-'
}

/** Three figures are more than these measurements hold. */
export function toShort(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
