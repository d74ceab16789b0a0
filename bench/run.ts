// `npm run bench [-- --quick]`: what one request costs the gateway in CPU time, as a multiple of the barest proxy in the
// same run. Linux only. The processes take turns over several rounds; the medians count.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { hasWrk, makeLoad } from './load.ts'
import { median, readCpuUs } from './measure.ts'
import { freePort, startNode } from './process.ts'
import type { Scenario, Subject } from './scenario.ts'
import { aegisFullChain } from './scenarios/aegis-full-chain.ts'
import { aegisNoPlugins } from './scenarios/aegis-no-plugins.ts'
import { bareProxy } from './scenarios/bare-proxy.ts'

const measuredCore = 0
const loadCore = 1
const scenarios: readonly Scenario[] = [bareProxy, aegisNoPlugins, aegisFullChain]

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const plan = values.quick ? { rounds: 3, seconds: 1, warmUp: 1 } : { rounds: 5, seconds: 5, warmUp: 3 }
const wrk = hasWrk()
const loadBy = wrk ? 'wrk' : 'own generator'
console.log(
  `${plan.rounds} rounds of ${plan.seconds} s, 32 connections, ${loadBy}, Node.js ${process.version}`,
)

const upstreamPort = await freePort()
const upstream = `http://127.0.0.1:${upstreamPort}`
const upstreamFile = fileURLToPath(new URL('upstream-process.ts', import.meta.url))
const stops: (() => Promise<void>)[] = []
try {
  const started = await startNode({
    args: [upstreamFile, String(upstreamPort)],
    readyUrl: upstream,
    core: loadCore,
  })
  stops.push(started.stop)
  const subjects: Subject[] = []
  for (const scenario of scenarios) {
    const subject = await scenario.start({ upstream, core: measuredCore })
    stops.push(subject.stop)
    subjects.push(subject)
    await measure(subject, plan.warmUp)
  }
  report(await takeTurns(subjects))
} finally {
  for (const stop of stops.reverse()) await stop()
}

/** Figures by scenario, one per round: A B C A B C, so that a slow minute of the machine slows all of them. */
async function takeTurns(subjects: readonly Subject[]): Promise<number[][]> {
  const figures: number[][] = subjects.map(() => [])
  for (let round = 0; round < plan.rounds; round++)
    for (const [index, subject] of subjects.entries())
      figures[index]?.push(await measure(subject, plan.seconds))
  return figures
}

/** CPU time per request in microseconds. */
async function measure({ pid, url, headers }: Subject, seconds: number): Promise<number> {
  const before = readCpuUs(pid)
  const { requests, failures } = await makeLoad(
    { url, headers, connections: 32, seconds, core: loadCore },
    wrk,
  )
  if (failures > 0 || requests === 0) throw new Error(`${url}: ${failures} of ${requests} requests failed`)
  return (readCpuUs(pid) - before) / requests
}

function report(figures: readonly (readonly number[])[]): void {
  const medians = figures.map(median)
  const yardstick = medians[0] ?? Number.NaN
  for (const [index, { name }] of scenarios.entries()) {
    const cost = medians[index] ?? Number.NaN
    const spread = (figures[index] ?? []).map((one) => one.toFixed(0)).join(' ')
    const times = `${(cost / yardstick).toFixed(2)} x`
    console.log(
      `${name.padEnd(30)} ${cost.toFixed(1).padStart(7)} us/request ${times.padStart(8)}   (${spread})`,
    )
  }
}
