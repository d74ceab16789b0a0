// The fault table as text.
import { type Row, survived } from './fault.ts'

const heads = ['fault', 'requests', 'lost', 'wrong', 'hung', 'slowest', 'recovery', ''] as const

export function toTable(rows: readonly Row[]): string {
  const lines = [heads as readonly string[], ...rows.map(toCells)]
  const widths = heads.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  const text = lines.map(
    (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  )
  text.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  const reasons = rows.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`))
  return [...text, ...reasons].join('\n')
}

function toCells(row: Row): string[] {
  const { name, requests, lost, wrong, hung, slowestMs, recoveryMs } = row
  const recovery = recoveryMs === null ? 'none' : `${recoveryMs} ms`
  const numbers = [requests, lost, wrong, hung].map(String)
  return [name, ...numbers, `${slowestMs} ms`, recovery, survived(row) ? 'survived' : 'FAILED']
}
