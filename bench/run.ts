// `npm run bench [-- --quick] [--scenarios a,b] [--gateways a,b]`: what one request costs each gateway in CPU time, as a
// multiple of a bare nginx proxy in the same run. Linux only. docs/decisions/bench.md says how and why.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toTable } from './report.ts'
import { smallGet } from './scenarios/small-get.ts'
import { type Plan, takeTurns } from './turns.ts'
import { startUpstream } from './upstream.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const plan: Plan = values.quick
  ? { rounds: 5, seconds: 1, warmUpSeconds: 3 }
  : { rounds: 7, seconds: 5, warmUpSeconds: 5 }

const directory = await mkdtemp(join(tmpdir(), 'aegis-bench-'))
const upstream = await startUpstream(join(directory, 'upstream'))
try {
  for (const scenario of [smallGet]) {
    const rows = await takeTurns(scenario, plan, { upstream, directory })
    console.log(toTable(scenario, rows))
  }
} finally {
  await upstream.stop()
  await rm(directory, { recursive: true, force: true })
}
