// UNION SELECT behind so much that the shape, five tokens long, ends before it. Called by sql-verdict.ts where no rule met.
import type { Reading } from './sql-reading.ts'
import type { Token } from './sql-token.ts'

/** Phases of the search: what stood before the token at hand. */
type Phase = 'nothing' | 'union' | 'select' | 'column'

/** Tokens after which a query can go on with UNION; after a bare word prose can, too. */
const endsQuery = '1sv)n'

export function findUnion(reading: Reading): boolean {
  if (!/union|except|intersect|minus/i.test(reading.input) || !/select/i.test(reading.input)) return false
  let phase: Phase = 'nothing'
  let before = reading.shape.charAt(0)
  let afterWord = false
  for (const token of reading.rest()) {
    if (token.type === 'c') continue
    const next: Phase | 'found' = phaseAfter(phase, token, before, afterWord)
    if (next === 'found') return true
    if (next === 'union' && phase === 'nothing') afterWord = before === 'n'
    phase = next
    before = token.type
  }
  return false
}

function phaseAfter(phase: Phase, token: Token, before: string, afterWord: boolean): Phase | 'found' {
  const { type, text } = token
  if (type === 'U') return endsQuery.includes(before) ? 'union' : 'nothing'
  if (phase === 'union') {
    if (type === '(' || text === 'ALL' || text === 'DISTINCT') return 'union'
    return type === 'E' && text.startsWith('SELECT') ? 'select' : 'nothing'
  }
  // "the union select committee", "union select 5 members": in prose no comma and no FROM follow.
  if (phase === 'select' && '1svf(o'.includes(type)) return afterWord ? 'column' : 'found'
  if (phase === 'select') return type === 'n' ? 'column' : 'nothing'
  return phase === 'column' && (type === ',' || text === 'FROM') ? 'found' : 'nothing'
}
