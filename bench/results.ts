// Keeps what a run measured: bench/results/<name>.json and .svg, git-ignored.
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toChart } from './chart.ts'
import type { Plan, Row } from './turns.ts'

export interface ScenarioResult {
  readonly name: string
  readonly about: string
  readonly unit: string
  readonly rows: readonly Row[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly node: string
  readonly commit: string
  /** Of the last minute, before the run: what others did at the machine. */
  readonly load: number
}

export const resultsDirectory = fileURLToPath(new URL('results', import.meta.url))

export function readMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    kernel: release(),
    node: process.version,
    commit: readCommit(),
    load: loadavg()[0] ?? 0,
  }
}

function readCommit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}

/** Where the two files are. */
export async function keepResults(
  name: string,
  run: { readonly plan: Plan; readonly machine: Machine; readonly scenarios: readonly ScenarioResult[] },
): Promise<string> {
  const date = new Date().toISOString().slice(0, 16)
  const { machine, plan } = run
  const caption = `${date} UTC, ${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, ${machine.commit}, medians of ${plan.rounds} rounds`
  await mkdir(resultsDirectory, { recursive: true })
  const file = join(resultsDirectory, name)
  await writeFile(`${file}.json`, `${JSON.stringify({ date, ...run }, null, 2)}\n`)
  await writeFile(`${file}.svg`, toChart(run.scenarios, caption))
  return `${file}.json and .svg`
}
