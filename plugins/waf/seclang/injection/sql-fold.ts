// Folding: rewrites the stream of tokens, as it is read, to at most five that tell its shape. An expression becomes its
// first value, what every dialect ignores goes, words that belong together become one token. Called by sqli.ts.
import { foldedEnough, foldPair, isUnary, noFold } from './sql-fold-pairs.ts'
import { foldTriple } from './sql-fold-triples.ts'
import type { Token } from './sql-token.ts'
import type { SqlTokeniser } from './sql-tokeniser.ts'

/** How many tokens a shape has at most. */
export const shapeLength = 5

/** Up to six tokens: one more than the shape has, where that was read to fold the last ones. */
export function fold(tokeniser: SqlTokeniser): Token[] {
  const first = firstTelling(tokeniser)
  if (first === null) return []
  const folding = new Folding(tokeniser, first)
  while (folding.step());
  return folding.tokens()
}

/** Leading comments, parentheses, types and signs tell nothing. */
function firstTelling(tokeniser: SqlTokeniser): Token | null {
  let token = tokeniser.next()
  while (token !== null && (token.type === 'c' || token.type === '(' || token.type === 't' || isUnary(token)))
    token = tokeniser.next()
  return token
}

class Folding {
  readonly #tokeniser: SqlTokeniser
  readonly #tokens: Token[]
  /** Everything before it is folded. */
  #left = 0
  #more = true
  /** A comment after the last token that is kept: it ends what an attacker could not make fit. */
  #trailing: Token | null = null

  constructor(tokeniser: SqlTokeniser, first: Token) {
    this.#tokeniser = tokeniser
    this.#tokens = [first]
  }

  /** Applies one rule or moves on by one token; false when there is nothing left to do. */
  step(): boolean {
    this.#foldFull()
    if (!this.#more || this.#left >= shapeLength) return false
    if (!this.#fill(2)) return this.#finishRun()
    const afterPair = foldPair(this.#tokens, this.#left)
    if (afterPair === foldedEnough) return false
    if (afterPair !== noFold) return this.#goOnAt(afterPair)
    if (!this.#fill(3)) return this.#finishRun()
    const afterTriple = foldTriple(this.#tokens, this.#left)
    return this.#goOnAt(afterTriple === noFold ? this.#left + 1 : afterTriple)
  }

  tokens(): Token[] {
    if (this.#trailing !== null && this.#tokens.length < shapeLength) this.#tokens.push(this.#trailing)
    return this.#tokens
  }

  #goOnAt(left: number): true {
    this.#left = left
    return true
  }

  #finishRun(): true {
    return this.#goOnAt(this.#tokens.length)
  }

  /** Reads on until `width` tokens stand at `left`; one more than a shape has may be read, to fold the last ones. */
  #fill(width: number): boolean {
    while (this.#more && this.#tokens.length <= shapeLength && this.#tokens.length - this.#left < width) {
      const token = this.#tokeniser.next()
      if (token === null) this.#more = false
      else if (token.type === 'c') this.#trailing = token
      else {
        this.#trailing = null
        this.#tokens.push(token)
      }
    }
    return this.#tokens.length - this.#left >= width
  }

  /** Where the room is used up by `1+(1)` and the like, the first value stands for all of it. */
  #foldFull(): void {
    const tokens = this.#tokens
    if (tokens.length < shapeLength || (tokens[2]?.type !== '(' && tokens[3]?.type !== '(')) return
    if (!/^(?:1[o,]\(1\)|no\([n1]\)|1\),\(1|n\)o\(n)/.test(toShape(tokens))) return
    tokens.splice(1, shapeLength - 1)
    this.#left = 0
  }
}

/** One letter for each token. */
export function toShape(tokens: readonly Token[]): string {
  let shape = ''
  for (let i = 0; i < tokens.length && i < shapeLength; i++) shape += (tokens[i] as Token).type
  return shape
}
