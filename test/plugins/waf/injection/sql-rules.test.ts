import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Rule, rulesByLetter } from '../../../../plugins/waf/seclang/injection/sql-rules.ts'
import { detectSqli } from '../../../../plugins/waf/seclang/injection/sqli.ts'
import { readCorpus } from './corpus.ts'

const attacks = readCorpus('sqli-attacks').map(({ value }) => value)
const benign = readCorpus('sqli-benign').map(({ value }) => value)

/** Runs with the rule changed, and puts it back. */
function changed<T>(rule: Rule, change: Rule, run: () => T): T {
  const kept = { ...rule }
  Object.assign(rule, change)
  try {
    return run()
  } finally {
    Object.assign(rule, kept)
  }
}

function isAttack(value: string): boolean {
  return detectSqli(value) !== null
}

describe('rules over SQL shapes', () => {
  it('each find an attack of the corpus that no other finds', () => {
    for (const [letter, rules] of rulesByLetter)
      for (const rule of rules) {
        const allFound = changed(rule, { shape: /^(?!)/ }, () => attacks.every(isAttack))
        assert.equal(allFound, false, `under ${letter}: ${rule.shape}`)
      }
  })

  it('each have no condition but one that lets an honest value of the corpus pass', () => {
    for (const [letter, rules] of rulesByLetter)
      for (const rule of rules) {
        if (rule.when === undefined) continue
        const nonePasses = changed(rule, { shape: rule.shape, when: undefined }, () => !benign.some(isAttack))
        assert.equal(nonePasses, false, `under ${letter}: ${rule.shape}`)
      }
  })
})
