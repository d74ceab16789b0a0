// npm run fuzz -- [--seed N] [--count N] [--seconds N] [--target NAME]: tries inputs, tells which broke a promise.
import { parseArgs } from 'node:util'
import { targets } from './targets.ts'
import { type Row, runWatched } from './watch.ts'

/** More than all caches take. */
const mostGrownMb = 128

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    count: { type: 'string' },
    seconds: { type: 'string' },
    target: { type: 'string', multiple: true },
    'hang-seconds': { type: 'string', default: '60' },
  },
})
const count = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count)
const unbounded = values.count === undefined ? 60 : Number.POSITIVE_INFINITY

function toTable(rows: readonly Row[]): string {
  const cells = rows.map(({ target, inputs, cpuMs, broken }) => [
    ...[target, String(inputs), (cpuMs / 1_000).toFixed(1), String(broken)],
  ])
  return [['target', 'inputs', 'CPU s', 'broken'], ...cells]
    .map(([name = '', ...numbers]) => name.padEnd(36) + numbers.map((one) => one.padStart(12)).join(''))
    .join('\n')
}

console.log(`seed ${values.seed}`)
const { rows, inputs, grownMb } = await runWatched(
  {
    targets: values.target ?? targets.map(({ name }) => name),
    seed: Number(values.seed),
    count,
    seconds: values.seconds === undefined ? unbounded : Number(values.seconds),
    hangMs: Number(values['hang-seconds']) * 1_000,
    heapMb: 1_024,
  },
  (text) => console.log(`${text}\n`),
  new URL('run-worker.ts', import.meta.url),
)
console.log(toTable(rows))
console.log(`${inputs} inputs; the heap grew by ${grownMb.toFixed(1)} MB after the first rounds`)
if (grownMb > mostGrownMb) console.log(`That is more than ${mostGrownMb} MB.`)
if (grownMb > mostGrownMb || rows.some(({ broken }) => broken > 0)) process.exitCode = 1
