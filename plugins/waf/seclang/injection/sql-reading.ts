// One reading of a value as SQL: its shape, and the questions that the rules of the verdict ask beyond the shape.
import type { Token } from './sql-token.ts'
import type { SqlTokeniser } from './sql-tokeniser.ts'
import { attackFunctions, harmlessFunctions, tellingStatements } from './sql-verdict-words.ts'

/** Longer than any comment that only closes. */
const longestClosing = 16

/** A value beside a value, or operators beside a comma: nowhere in SQL, everywhere in prose and program text. */
const disorder = /[1sv)][1nsvkTt]|[nk][1nsvk?]|[,o]o/

export class Reading {
  readonly input: string
  /** Folded: those of the shape, and at times one more. */
  readonly tokens: readonly Token[]
  /** One letter for each of the first five tokens. */
  readonly shape: string
  readonly #tokeniser: SqlTokeniser

  constructor(input: string, tokens: readonly Token[], shape: string, tokeniser: SqlTokeniser) {
    this.input = input
    this.tokens = tokens
    this.shape = shape
    this.#tokeniser = tokeniser
  }

  /** A comparison was folded, or a comment stands inside: no formula and no prose has these by chance. */
  get comparesOrComments(): boolean {
    return this.#tokeniser.sawComment || this.compares
  }

  /** A `--` or `#` was read that the other dialect reads otherwise. */
  get differsByDialect(): boolean {
    return this.#tokeniser.scan.sawDialectComment
  }

  get compares(): boolean {
    return this.tokens.some((token) => token.compared)
  }

  /** Tokens before folding; what was not read is not counted. */
  get count(): number {
    return this.#tokeniser.count
  }

  /** Upper case; empty where the shape has no such token. */
  textOf(letter: string): string {
    const index = this.shape.indexOf(letter)
    return index === -1 ? '' : (this.tokens[index] as Token).text
  }

  get selects(): boolean {
    return this.textOf('E').startsWith('SELECT')
  }

  get isTellingStatement(): boolean {
    return tellingStatements.has(this.textOf('T').split(' ')[0] as string)
  }

  /** A function is called that formulas and program text do not call as often. */
  get callsTelling(): boolean {
    return this.#calls((name) => !harmlessFunctions.has(name))
  }

  /** A function is called that only an attack calls in a value by itself. */
  get callsAttack(): boolean {
    return this.#calls((name) => attackFunctions.has(name) || name.includes('.'))
  }

  #calls(isMeant: (name: string) => boolean): boolean {
    return this.tokens.some(
      ({ type, text }, i) => type === 'f' && this.tokens[i + 1]?.type === '(' && isMeant(text),
    )
  }

  /** What came after the first token, folded as far as the shape goes, then as it is read. */
  *rest(): Generator<Token> {
    yield* this.tokens.slice(1)
    for (let token = this.#tokeniser.next(); token !== null; token = this.#tokeniser.next()) yield token
  }

  /** The comment at the end of the shape ends the value too; in prose the text goes on after a dash dash. */
  get endsWithComment(): boolean {
    return this.#isClosingComment(this.tokens.at(-1) as Token)
  }

  /**
   * The value leaves the string in which it began and deals with the quote that the query closes it with: by a string
   * left open at the end, or by a comment. Inch marks and apostrophes seldom do, and have words side by side.
   */
  get leavesStringInOrder(): boolean {
    const first = this.tokens[0] as Token
    if (first.type !== 's' || first.open !== '' || first.close === '' || disorder.test(this.shape))
      return false
    const last = this.#tokeniser.readToEnd()
    if (last.type === 'c') return this.#isClosingComment(last)
    return last.type === 's' && last.close === '' && last.open === first.close
  }

  /** Nothing to read in it: `--`, `-- -`, `--+`, `-- x`; a comment with a slash or a hash in any case. */
  #isClosingComment({ start, end }: Token): boolean {
    const { input } = this
    if (input[start] !== '-') return true
    return end - start <= longestClosing && /^--[\s+-]*\S?$/.test(input.slice(start, end))
  }
}
