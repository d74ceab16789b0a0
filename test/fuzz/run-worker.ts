// The thread of watch.ts: rounds over all targets, each by its share, until there were enough inputs.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { tryInput } from './fuzz.ts'
import type { Target } from './target.ts'
import { findTarget } from './targets.ts'
import type { FromRun, Row, RunOptions } from './watch.ts'

const { options, progress } = workerData as { options: RunOptions; progress: Int32Array }
const mostBroken = 10
/** Caches are full by then. */
const warmRounds = 20

const post = (message: FromRun): void => parentPort?.postMessage(message)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapMb(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1_048_576
}

type Account = { -readonly [Key in keyof Row]: Row[Key] }

async function tryShare(
  target: Target,
  index: number,
  account: Account,
  first: number,
  count: number,
): Promise<void> {
  const before = process.threadCpuUsage()
  for (let i = 0; i < count; i++) {
    Atomics.store(progress, 0, index)
    Atomics.store(progress, 1, first + i)
    Atomics.add(progress, 2, 1)
    await tryInput(target, first + i).catch((error: Error) => {
      account.broken += 1
      if (account.broken <= mostBroken) post({ kind: 'broken', text: error.message })
    })
  }
  const { user, system } = process.threadCpuUsage(before)
  account.cpuMs += (user + system) / 1_000
  account.inputs += count
}

async function run(): Promise<void> {
  const targets = options.targets.map(findTarget)
  const accounts = targets.map(({ name }): Account => ({ target: name, inputs: 0, cpuMs: 0, broken: 0 }))
  for (const target of targets) await target.start?.()
  const until = performance.now() + options.seconds * 1_000
  let inputs = 0
  let warmMb = 0
  for (let round = 0; inputs < options.count && performance.now() < until; round++) {
    for (const [index, target] of targets.entries()) {
      const account = accounts[index] as Account
      const count = Math.min(target.share, options.count - inputs)
      await tryShare(target, index, account, options.seed + account.inputs, count)
      inputs += count
    }
    if (round === warmRounds) warmMb = heapMb()
  }
  const grownMb = warmMb === 0 ? 0 : heapMb() - warmMb
  for (const target of targets) await target.close?.()
  post({ kind: 'done', result: { rows: accounts, inputs, grownMb } })
}

await run()
