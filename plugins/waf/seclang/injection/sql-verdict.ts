// Is a reading an attack? Its shape is held against the rules of sql-rules.ts.
import type { Reading } from './sql-reading.ts'
import { rulesByLetter } from './sql-rules.ts'
import { findUnion } from './sql-union.ts'

export function isAttack(reading: Reading): boolean {
  if (reading.shape === 'X') return true
  if (reading.shape.length < 2 || isPath(reading)) return false
  return meetsRule(reading) || findUnion(reading)
}

function meetsRule(reading: Reading): boolean {
  for (const [letter, rules] of rulesByLetter) {
    if (!reading.shape.includes(letter)) continue
    for (const rule of rules)
      if (rule.shape.test(reading.shape) && (rule.when?.(reading) ?? true)) return true
  }
  return false
}

/** A path of a URL is no value: what its segments hold is looked at by itself. */
function isPath({ input, tokens, shape }: Reading): boolean {
  return shape.startsWith('o') && input[tokens[0]?.start ?? 0] === '/'
}
