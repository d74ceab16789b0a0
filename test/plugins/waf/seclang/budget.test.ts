import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWaf } from '../../../../plugins/waf/seclang/waf.ts'
import { envOf } from './engine.ts'

const rules = Array.from({ length: 9 }, (_, i) => `SecRule ARGS "!@streq x" "id:${i + 1},phase:2,pass"`).join(
  '\n',
)

/** Every look at the clock costs a millisecond. */
function run(budgetMs: number, options: { onBudget?: 'block' | 'pass'; mode?: 'On' | 'DetectionOnly' } = {}) {
  let now = 0
  const waf = createWaf(
    [{ file: 'a.conf', text: `SecRuleEngine On\n${rules}` }],
    envOf({}, () => now++),
  )
  const transaction = waf.createTransaction({ budgetMs, ...options })
  transaction.processUri('GET', `/?a=${'b'.repeat(5000)}`, 'HTTP/1.1')
  transaction.processRequestHeaders([])
  transaction.processRequestBody(new Uint8Array())
  transaction.processLogging()
  return transaction
}

test('runs all rules within the budget', () => {
  const transaction = run(100)
  assert.deepEqual(
    [transaction.matches.length, transaction.budgetSpent, transaction.interruption],
    [9, false, null],
  )
})

test('stops when the time is used up and refuses the request', () => {
  const transaction = run(4)
  assert.equal(transaction.budgetSpent, true)
  assert(transaction.matches.length < 9)
  assert.deepEqual([transaction.interruption?.cause, transaction.interruption?.status], ['budget', 403])
})

test('lets the request go on when told to, or when it only detects', () => {
  assert.deepEqual(
    [run(4, { onBudget: 'pass' }).interruption, run(4, { onBudget: 'pass' }).budgetSpent],
    [null, true],
  )
  assert.equal(run(4, { mode: 'DetectionOnly' }).interruption, null)
})

test('rules over TX still judge what was found before the time was used up', () => {
  let now = 0
  const counting = rules.replaceAll('pass"', 'pass,setvar:tx.score=+1"')
  const text = `SecRuleEngine On\n${counting}\nSecRule TX:score "@ge 1" "id:20,phase:2,deny,status:418"`
  const waf = createWaf(
    [{ file: 'a.conf', text }],
    envOf({}, () => now++),
  )
  const transaction = waf.createTransaction({ budgetMs: 4, onBudget: 'pass' })
  transaction.processUri('GET', `/?a=${'b'.repeat(5000)}`, 'HTTP/1.1')
  transaction.processRequestHeaders([])
  transaction.processRequestBody(new Uint8Array())
  assert.equal(transaction.budgetSpent, true)
  assert.equal(transaction.interruption?.status, 418)
})
