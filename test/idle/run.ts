// `npm run test:idle [-- --connections 20000 --rounds 3]`: thousands of idle connections, and what they cost. Ends with 1 where one
// was not opened, not served or not let go of, cost more than its bound, or where memory did not come back. Linux only.
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { findFaults, holdIdle } from './idle.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
  },
})
const connections = Number(values.connections)
/** Of the gateway, besides the connections: its own, and those to the upstream. */
const otherFiles = 1_000
const most = execFileSync('/bin/sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
if (Number(most) < connections + otherFiles)
  throw new Error(
    `${connections} connections need ${connections + otherFiles} open files and ${most} are allowed: raise \`ulimit -Hn\` or ask for fewer by --connections.`,
  )
const rounds = await holdIdle({
  connections,
  rounds: Number(values.rounds),
  idleSeconds: Number(values.seconds),
})
console.log('  open        served of  idle load  left open  RSS before, open, after (MB)')
for (const { open, served, asked, idleLoad, left, rssBytes } of rounds) {
  const cells = [
    String(open).padStart(6),
    `${served} of ${asked}`.padStart(15),
    `${(idleLoad * 100).toFixed(1)} %`.padStart(9),
    String(left).padStart(9),
    rssBytes.map((bytes) => (bytes / 1024 / 1024).toFixed(0)).join('  '),
  ]
  console.log(cells.join('  '))
}
const faults = findFaults(rounds, connections)
for (const fault of faults) console.log(fault)
process.exit(faults.length === 0 ? 0 : 1)
