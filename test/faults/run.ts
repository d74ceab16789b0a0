// `npm run test:faults [part of a name]`: every fault, one after another, each as it ends, and the table.
import { type Row, survived } from './fault.ts'
import { type RunnableRow, rows } from './rows.ts'
import { toTable } from './table.ts'

/** Many times what the longest row takes; one that hangs must not take the others with it. */
const rowLimitMs = 900_000

const wanted = process.argv[2]?.toLowerCase() ?? ''
const found: Row[] = []
for (const row of rows) {
  if (!row.name.toLowerCase().includes(wanted)) continue
  const result = await run(row)
  found.push(result)
  process.stderr.write(`${toTable([result]).split('\n').slice(2).join('\n')}\n`)
}
console.log(toTable(found))
// What a row that hung has left behind must not hold the process up.
process.exit(found.length > 0 && found.every(survived) ? 0 : 1)

/** A row that cannot be run to its end has failed; the others are tried all the same. */
async function run(row: RunnableRow): Promise<Row> {
  try {
    return await Promise.race([row.run({ answers: 500 }), late()])
  } catch (error) {
    const counts = { requests: 0, lost: 0, wrong: 0, hung: 0, slowestMs: 0, recoveryMs: null }
    return { name: row.name, ...counts, problems: [String((error as Error).message).slice(0, 500)] }
  }
}

function late(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`did not end within ${rowLimitMs / 1_000} s`)), rowLimitMs).unref()
  })
}
