// The folding rules over three tokens. Each answers where to go on, or that it did not apply.
import { isUnary, noFold, remove } from './sql-fold-pairs.ts'
import type { Token, TokenType } from './sql-token.ts'

const comparisons = new Set(
  [
    '=',
    '==',
    ':=',
    '<=>',
    '<>',
    '!=',
    '<',
    '>',
    '<=',
    '>=',
    '!<',
    '!>',
    'SOUNDS LIKE',
    'IS DISTINCT FROM',
  ].concat(
    ...['LIKE', 'ILIKE', 'RLIKE', 'REGEXP', 'SIMILAR TO', 'IS', 'GLOB', 'BETWEEN'].map((word) => [
      word,
      `NOT ${word}`,
    ]),
  ),
)
const values = new Set<TokenType>(['n', '1', 'v', 's'])
const valuesOrFunction = new Set<TokenType>([...values, 'f'])

export function foldTriple(tokens: Token[], left: number): number {
  const first = tokens[left] as Token
  const second = tokens[left + 1] as Token
  const third = tokens[left + 2] as Token
  if (isFirstEnough(first, second, third)) {
    first.compared ||=
      second.compared || third.compared || (second.type === 'o' && comparisons.has(second.text))
    remove(tokens, left + 1, 2)
    return 0
  }
  if (isSecondVoid(first, second, third)) {
    remove(tokens, left + 1, 1)
    return 0
  }
  // USER() is a function, USER(x) is not: a name that English text has too.
  if (first.type === 'f' && second.type === '(' && third.type !== ')' && first.text === 'USER')
    first.type = 'n'
  return noFold
}

/** Expressions: the first token stands for all three. */
function isFirstEnough(first: Token, second: Token, third: Token): boolean {
  const a = first.type
  const b = second.type
  const c = third.type
  if (b === 'o') {
    if (a === 'o' && c === 'o') return true
    if (second.text === '::' && c === 't') return values.has(a)
    if (a === 'v') return c === 'v' || c === '1' || c === 'n'
    return (a === 'n' || a === '1') && (c === '1' || c === 'n')
  }
  if (b === ',') return values.has(a) && values.has(c)
  if (a === 'o' && c === 'o') return b !== '('
  return (a === '&' && c === '&') || (a === 'n' && b === '.' && c === 'n')
}

/** A sign between a keyword or comma and its value, and the dot of `select . name`. */
function isSecondVoid(first: Token, second: Token, third: Token): boolean {
  const a = first.type
  if (a === 'E' && second.type === '.' && third.type === 'n') return true
  if (!isUnary(second)) return false
  if (third.type === '(') return a === 'E' || a === 'B' || a === ','
  return (a === 'k' || a === 'E' || a === 'B' || a === ',') && valuesOrFunction.has(third.type)
}
