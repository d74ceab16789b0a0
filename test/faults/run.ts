// `npm run test:faults [part of a name]`: every fault, one after another, and the table.
import { type Row, survived } from './fault.ts'
import { type RunnableRow, rows } from './rows.ts'
import { toTable } from './table.ts'

const wanted = process.argv[2]?.toLowerCase() ?? ''
const found: Row[] = []
for (const row of rows) {
  if (!row.name.toLowerCase().includes(wanted)) continue
  process.stderr.write(`${row.name} ... `)
  const result = await run(row)
  found.push(result)
  process.stderr.write(survived(result) ? 'survived\n' : `FAILED ${result.problems[0] ?? ''}\n`)
}
console.log(toTable(found))
if (found.length === 0 || !found.every(survived)) process.exitCode = 1

/** A row that cannot be run to its end has failed; the others are tried all the same. */
async function run(row: RunnableRow): Promise<Row> {
  try {
    return await row.run({ answers: 500 })
  } catch (error) {
    const counts = { requests: 0, lost: 0, wrong: 0, hung: 0, slowestMs: 0, recoveryMs: null }
    return { name: row.name, ...counts, problems: [String((error as Error).message).slice(0, 500)] }
  }
}
