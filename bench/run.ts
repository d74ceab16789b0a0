// `npm run bench [-- --quick] [--scenarios a,b] [--gateways a,b] [--rounds N] [--seconds N]`: what a request costs each
// gateway in CPU time, as a multiple of a bare nginx proxy in the same run. Linux only. docs/decisions/bench.md: how and why.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chooseScenarios } from './choose.ts'
import { preparePrograms } from './prepare.ts'
import { toTable } from './report.ts'
import { keepResults, readMachine, type ScenarioResult } from './results.ts'
import { allScenarios, quickScenarios } from './scenarios/list.ts'
import { type Plan, takeTurns } from './turns.ts'
import { startUpstream } from './upstream.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    scenarios: { type: 'string' },
    gateways: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
})
const usual: Plan = values.quick
  ? { rounds: 5, seconds: 1, warmUpSeconds: 3 }
  : { rounds: 7, seconds: 5, warmUpSeconds: 6 }
const plan: Plan = {
  ...usual,
  rounds: Number(values.rounds ?? usual.rounds),
  seconds: Number(values.seconds ?? usual.seconds),
}
const { scenarios: named, gateways } = values
const scenarios = chooseScenarios(allScenarios, values.quick ? quickScenarios : allScenarios, {
  scenarios: named,
  gateways,
})

preparePrograms()
const machine = readMachine()
console.log(
  `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(1)}, Node.js ${machine.node}`,
)
console.log(
  `${plan.rounds} rounds of ${plan.seconds} s in turn; medians; "x best": the cheapest rounds compared`,
)
const directory = await mkdtemp(join(tmpdir(), 'aegis-bench-'))
const upstream = await startUpstream(join(directory, 'upstream'))
try {
  const results: ScenarioResult[] = []
  for (const scenario of scenarios) {
    const rows = await takeTurns(scenario, plan, { upstream, directory })
    console.log(`\n${toTable(scenario, rows)}`)
    const { name, about, unit } = scenario
    results.push({ name, about, unit, rows })
    await keepResults(values.quick ? 'quick' : 'bench', { plan, machine, scenarios: results })
  }
  console.log(
    `\n${await keepResults(values.quick ? 'quick' : 'bench', { plan, machine, scenarios: results })}`,
  )
} finally {
  await upstream.stop()
  await rm(directory, { recursive: true, force: true })
}
