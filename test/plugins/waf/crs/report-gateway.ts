// Runs all CRS 4 regression tests through the running gateway and prints counts by rule:
// npm run test:crs [-- --wire] [-- FILE.jsonl]. With --wire by the front door instead of POST /admin/waf/test.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTests } from './ftw-case.ts'
import { startCrsGateway } from './through-gateway.ts'

interface Exception {
  readonly rule: number
  readonly tests: readonly number[]
  readonly reason: string
}

interface Count {
  passed: number
  failed: string[]
}

const words = process.argv.slice(2)
const tests = readTests(words.find((word) => word.endsWith('.jsonl')))
const exceptions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'exceptions.json'), 'utf8'),
) as Exception[]
const crs = await startCrsGateway()
const run = words.includes('--wire') ? crs.byFrontDoor : crs.byAdmin
const rules = new Map<number, Count>()
const kinds = { positive: { passed: 0, all: 0 }, negative: { passed: 0, all: 0 } }
for (const test of tests) {
  const { passed, negative, why } = await run(test)
  const kind = kinds[negative ? 'negative' : 'positive']
  kind.all += 1
  if (passed) kind.passed += 1
  const count = rules.get(test.rule) ?? { passed: 0, failed: [] }
  rules.set(test.rule, count)
  if (passed) count.passed += 1
  else count.failed.push(`${test.test} (${why})`)
}
await crs.close()

for (const [rule, { passed, failed }] of rules) {
  const all = passed + failed.length
  console.log(`${rule}  ${passed}/${all}${failed.length === 0 ? '' : `  failed: ${failed.join(', ')}`}`)
}
for (const [name, { passed, all }] of Object.entries(kinds))
  console.log(`${name}: ${passed} of ${all} (${((100 * passed) / all).toFixed(2)} %)`)
console.log('exceptions:')
for (const { rule, tests, reason } of exceptions) console.log(`  ${rule} ${tests.join(', ')}: ${reason}`)
