// The engine leaves out what cannot match: by hints of operators, by characters that transformations act on, by groups. This
// holds it against an engine without any of that, over the requests of CRS 4's regression tests.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rule } from '../../../../plugins/waf/seclang/model.ts'
import { OperatorTable } from '../../../../plugins/waf/seclang/operator-table.ts'
import { createDynamicOperator } from '../../../../plugins/waf/seclang/operators/create.ts'
import { PlanBuilder } from '../../../../plugins/waf/seclang/plan-builder.ts'
import { RuleSetParser, type RuleText } from '../../../../plugins/waf/seclang/rule-set.ts'
import { transformations } from '../../../../plugins/waf/seclang/transformations/table.ts'
import type { Operator } from '../../../../plugins/waf/seclang/types.ts'
import { createWaf, Waf } from '../../../../plugins/waf/seclang/waf.ts'
import { type FtwTest, readTests, toRequest } from './ftw-case.ts'
import { inspect, testSetup } from './ftw-run.ts'
import { crs4, fileEnv } from './rule-files.ts'

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Every operator is asked about every value, and every transformation runs. */
function wafWithoutShortcuts(texts: readonly RuleText[]): Waf {
  const operators = new OperatorTable(fileEnv)
  const parser = new RuleSetParser({
    compile: operators.compilePattern,
    isTransformation: (name) => transformations.has(name),
    include: () => [],
    checkOperator: () => {},
  })
  for (const text of texts) drain(parser.read(text))
  const operatorOf = (rule: Rule): Operator => {
    const operator = operators.of(rule.operator as NonNullable<Rule['operator']>, rule.file)
    return { hint: null, evaluate: (value, context) => operator.evaluate(value, context) }
  }
  const set = parser.finish()
  const plan = drain(
    new PlanBuilder(set, {
      transformations,
      triggers: new Map(),
      compile: operators.compilePattern,
      operatorOf,
      dynamicOperatorOf: (rule) =>
        createDynamicOperator((rule.operator as NonNullable<Rule['operator']>).name),
    }).build(),
  )
  return new Waf(plan, [], operators, fileEnv)
}

const texts = crs4(testSetup)
const quick = createWaf(texts, fileEnv)
const thorough = wafWithoutShortcuts(texts)

function idsOf(waf: Waf, { stages }: FtwTest): readonly (readonly number[])[] {
  return stages.map(({ input }) => inspect(waf, toRequest(input)).map((match) => match.id))
}

test('the shortcuts hold back no match', () => {
  // Every third: a run without shortcuts is slow.
  const tests = readTests().filter((_, index) => index % 3 === 0)
  assert(tests.length > 1000)
  for (const one of tests)
    assert.deepEqual(idsOf(quick, one), idsOf(thorough, one), `${one.rule}-${one.test}`)
})
