import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createWaf } from '../../../../plugins/waf/seclang/waf.ts'
import { type FtwTest, readTests } from './ftw-case.ts'
import { runTest, testSetup, type Verdict } from './ftw-run.ts'
import { crs4, fileEnv, sharedCrs } from './rule-files.ts'

interface Exception {
  readonly rule: number
  readonly tests: readonly number[]
  readonly reason: string
}

assert(existsSync(sharedCrs), 'the rule set is missing: CRS 4 must be in shared/crs beside the checkout')
const exceptions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'exceptions.json'), 'utf8'),
) as Exception[]
const waf = createWaf(crs4(testSetup), fileEnv)
const outcomes = readTests().map((one): [FtwTest, Verdict] => [one, runTest(waf, one)])

function isExcepted({ rule, test: number }: FtwTest): boolean {
  return exceptions.some((exception) => exception.rule === rule && exception.tests.includes(number))
}

function titlesOf(list: readonly [FtwTest, Verdict][]): string[] {
  return list.map(([one, verdict]) => `${one.rule}-${one.test}: ${verdict.why}`)
}

for (const [kind, negative] of [
  ['expect a match', false],
  ['expect none', true],
] as const) {
  test(`CRS 4 regression tests that ${kind} pass, but for the exceptions with a reason`, () => {
    const counted = outcomes.filter(([, verdict]) => verdict.negative === negative)
    assert(counted.length > 500)
    assert.deepEqual(titlesOf(counted.filter(([one, verdict]) => !verdict.passed && !isExcepted(one))), [])
    const passed = counted.filter(([, verdict]) => verdict.passed).length
    assert(passed / counted.length >= 0.995, `${passed} of ${counted.length}`)
  })
}

test('every exception names a test that does fail', () => {
  assert.deepEqual(titlesOf(outcomes.filter(([one, verdict]) => verdict.passed && isExcepted(one))), [])
})
