// `npm run test:faults [part of a name]`: every fault, one after another, and the table.
import { type Row, survived } from './fault.ts'
import { rows } from './rows.ts'
import { toTable } from './table.ts'

const wanted = process.argv[2]?.toLowerCase() ?? ''
const found: Row[] = []
for (const row of rows) {
  if (!row.name.toLowerCase().includes(wanted)) continue
  process.stderr.write(`${row.name} ...\n`)
  found.push(await row.run({ answers: 1_000 }))
}
console.log(toTable(found))
if (found.length === 0 || !found.every(survived)) process.exitCode = 1
