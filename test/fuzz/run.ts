// npm run fuzz -- [--seed N] [--count N] [--seconds N] [--target NAME]: tries inputs until one breaks a promise.
import { parseArgs } from 'node:util'
import { tryInputs } from './fuzz.ts'
import { createTargets } from './targets.ts'

const batch = 500
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    count: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
  },
})
const seed = Number(values.seed)
const most = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count)
const until = performance.now() + Number(values.seconds) * 1_000
const targets = (await createTargets()).filter(
  ({ name }) => values.target === undefined || name === values.target,
)
if (targets.length === 0) throw new Error(`no target is called ${values.target}`)
let tried = 0
console.log(`seed ${seed}`)
while (tried < most && performance.now() < until) {
  const count = Math.min(batch, most - tried)
  for (const target of targets) await tryInputs(target, seed + tried, count)
  tried += count
}
console.log(`${tried} inputs for each of ${targets.map(({ name }) => name).join(', ')}: no promise broken`)
