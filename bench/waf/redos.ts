// The worst that a client can do to each pattern of CRS: CPU time of one test and one search for groups, compilation
// included, over hostile values. node bench/waf/redos.ts [bytes] [folder of rules]
import { join } from 'node:path'
import { parsePattern } from '../../plugins/waf/seclang/regex/parse.ts'
import { compilePattern, type Pattern } from '../../plugins/waf/seclang/regex/pattern.ts'
import { hostileValues, nearMiss, patternsOf } from './patterns.ts'

const [bytes = '8192', folder = join(import.meta.dirname, '../../../shared/crs/rules')] =
  process.argv.slice(2)
const shown = 15

interface Task {
  readonly task: string
  run(pattern: Pattern, value: string): unknown
}

const tasks: readonly Task[] = [
  { task: 'test', run: (pattern, value) => pattern.test(value) },
  { task: 'groups', run: (pattern, value) => pattern.exec(value) },
]

interface Worst {
  readonly rule: string
  readonly task: string
  readonly value: string
  readonly ms: number
}

/** A fixed row of numbers, so that two runs measure the same. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function measure(): Worst[] {
  const random = createRandom(1)
  const values = hostileValues(Number(bytes), random)
  return patternsOf(folder).map(({ rule, source }) => {
    const root = parsePattern(source).root
    const all = [...values, ...Array.from({ length: 3 }, () => nearMiss(root, Number(bytes), random))]
    const pattern = compilePattern(source)
    const runs = all.flatMap((hostile) =>
      tasks.map((task) => ({ ...task, ...hostile, ms: timed(task, pattern, hostile.value) })),
    )
    const worst = runs.reduce((one, other) => (other.ms > one.ms ? other : one))
    // Again with all to compile anew: a time that only a busy machine made does not come back.
    const again = Array.from({ length: 3 }, () => timed(worst, compilePattern(source), worst.value))
    return { rule, task: worst.task, value: worst.name, ms: Math.min(...again) }
  })
}

function timed({ run }: Task, pattern: Pattern, value: string): number {
  const before = performance.now()
  run(pattern, value)
  return performance.now() - before
}

const worst = measure().toSorted((one, other) => other.ms - one.ms)
console.log(`${worst.length} patterns, ${bytes} bytes, the worst of each; milliseconds`)
for (const { rule, task, value, ms } of worst.slice(0, shown)) {
  console.log(`${ms.toFixed(1).padStart(8)}  ${rule.padEnd(8)} ${task.padEnd(7)} ${value}`)
}
console.log(`median of the worst: ${worst[worst.length >> 1]?.ms.toFixed(1)} ms`)
