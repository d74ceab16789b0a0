// The folding rules over two tokens. Each answers where to go on, or that it did not apply.
import type { Token, TokenType } from './sql-token.ts'
import { callableWords, phraseStarts, sqlWords } from './sql-words.ts'
import { longestWord } from './sql-words-reader.ts'

/** No rule applied: go on. A rule that applies leaves fewer tokens, or a type that it does not apply to again. */
export const noFold = -1
/** The shape is known without reading on. */
export const foldedEnough = -2

const unaries = new Set(['+', '-', '!', '~', '!!', 'NOT'])
const mergeableFirst = new Set<TokenType>(['k', 'n', 'o', 'U', 'f', 'E', 'T', 't', 'B'])
const mergeableSecond = new Set<TokenType>([...mergeableFirst, '&'])
/** What a type may stand before: int 1, varchar 'x'. */
const typed = new Set<TokenType>(['n', '1', 't', '(', 'f', 'v', 's'])
const nameLike = new Set<TokenType>(['n', 'v', 'k'])
const arithmetic = new Set(['*', '/', '-', '+', '%'])

export function isUnary(token: Token): boolean {
  return token.type === 'o' && unaries.has(token.text)
}

/** At the end, where nearly all rules apply, without the array that splice makes: 128 KB of parentheses are 128 K calls. */
export function remove(tokens: Token[], at: number, count: number): void {
  if (at + count === tokens.length) tokens.length = at
  else tokens.splice(at, count)
}

/** The pair is at `left`; it is nearly always the end of what was read. */
export function foldPair(tokens: Token[], left: number): number {
  const first = tokens[left] as Token
  const second = tokens[left + 1] as Token
  const dropped = droppedSecond(first, second, left)
  if (dropped !== noFold) {
    remove(tokens, left + 1, 1)
    return dropped
  }
  if (retype(first, second)) return left
  if (first.type === '{' && second.type === 'n') return foldBrace(tokens, left)
  if (first.type === '\\' && second.type === 'o' && arithmetic.has(second.text)) {
    // Transact-SQL reads \%1 as 0 % 1.
    first.type = '1'
    return 0
  }
  if (first.type === '\\' || (first.type === 't' && typed.has(second.type))) {
    remove(tokens, left, 1)
    return 0
  }
  return noFold
}

/** Where to go on when the second token adds nothing to the first (or becomes part of it). */
function droppedSecond(first: Token, second: Token, left: number): number {
  const a = first.type
  const b = second.type
  // Adjacent strings are one string; empty statements are none.
  if (a === b && (a === 's' || a === ';')) return left
  if ((a === 'o' || a === '&') && (b === 't' || isUnary(second))) return 0
  if (a === '(' && isUnary(second)) return Math.max(0, left - 1)
  if (mergeWords(first, second)) return Math.max(0, left - 1)
  if ((a === b && (a === '(' || a === ')')) || b === '}') return 0
  return noFold
}

/** UNION + ALL and the like: the first token becomes the phrase. */
function mergeWords(first: Token, second: Token): boolean {
  if (!mergeableFirst.has(first.type) || !mergeableSecond.has(second.type)) return false
  if (!phraseStarts.has(first.text) || first.text.length + second.text.length >= longestWord) return false
  const phrase = `${first.text} ${second.text}`
  const type = sqlWords.get(phrase)
  if (type === undefined) return false
  first.type = type
  first.text = phrase
  return true
}

/** True when a type was corrected by what stands beside it; both tokens stay. */
function retype(first: Token, second: Token): boolean {
  if (first.type === ';' && second.type === 'f' && second.text.startsWith('IF')) {
    second.type = 'T'
    return true
  }
  const called = second.type === '('
  if (called && nameLike.has(first.type) && callableWords.has(first.text)) {
    first.type = 'f'
    return true
  }
  if (first.type === 'k' && (first.text === 'IN' || first.text === 'NOT IN')) {
    first.type = called ? 'o' : 'n'
    return true
  }
  if (called && first.type === 'o' && (first.text === 'LIKE' || first.text === 'NOT LIKE')) first.type = 'f'
  if (first.type === 'A' && second.type === 'n' && second.text.includes('_')) {
    second.type = 't'
    return true
  }
  return false
}

/** {name value} is the value. {``.x} is accepted by MySQL and written by nobody: evil. */
function foldBrace(tokens: Token[], left: number): number {
  const name = tokens[left + 1] as Token
  if (name.end === name.start) {
    name.type = 'X'
    return foldedEnough
  }
  remove(tokens, left, 2)
  return 0
}
