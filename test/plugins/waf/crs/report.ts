// Prints how the CRS 4 regression tests go, by rule: node test/plugins/waf/crs/report.ts [file.jsonl] [rule] [-v]

import { createWaf } from '../../../../plugins/waf/seclang/waf.ts'
import { readTests } from './ftw-case.ts'
import { runTest, testSetup } from './ftw-run.ts'
import { crs4, fileEnv } from './rule-files.ts'

const words = process.argv.slice(2)
const file = words.find((word) => word.endsWith('.jsonl'))
const only = words.find((word) => /^\d+$/.test(word))
const started = performance.now()
const waf = createWaf(crs4(testSetup), fileEnv)
console.log(`${waf.rules.length} rules in ${Math.round(performance.now() - started)} ms`)

const tests = readTests(file).filter((test) => only === undefined || String(test.rule).startsWith(only))
const counts = { positive: 0, positivePassed: 0, negative: 0, negativePassed: 0 }
const failures = new Map<number, string[]>()
const begun = performance.now()
for (const test of tests) {
  const verdict = runTest(waf, test)
  const kind = verdict.negative ? 'negative' : 'positive'
  counts[kind]++
  if (verdict.passed) counts[`${kind}Passed`]++
  else failures.set(test.rule, [...(failures.get(test.rule) ?? []), `${test.test} (${verdict.why})`])
  if (words.includes('-v'))
    console.log(test.rule, test.test, verdict.passed ? 'ok' : verdict.why, verdict.matched.join(' '))
}
for (const [rule, list] of failures)
  console.log(`${rule}: ${list.length} fail: ${list.join(', ').slice(0, 300)}`)
console.log(
  `positive ${counts.positivePassed}/${counts.positive}, negative ${counts.negativePassed}/${counts.negative}, ` +
    `${Math.round(performance.now() - begun)} ms`,
)
