// What the SQL tokeniser yields and folding works on. Used by the files beside it only.

/**
 * One letter for each kind of token, as in the published design (N. Galbreath, "libinjection", Black Hat USA 2012),
 * so that a fingerprint of ours reads as everybody's.
 *
 * k keyword, U union, B group or order, E expression (select, insert, case ...), T statement of a batch language,
 * t type, f function, n bare word, 1 number, v variable, s string, o operator, & logic operator, c comment,
 * A collate, X evil, \ backslash, ? unknown; punctuation stands for itself.
 */
export type TokenType =
  | 'k'
  | 'U'
  | 'B'
  | 'E'
  | 'T'
  | 't'
  | 'f'
  | 'n'
  | '1'
  | 'v'
  | 's'
  | 'o'
  | '&'
  | 'c'
  | 'A'
  | 'X'
  | '\\'
  | '?'
  | '('
  | ')'
  | '{'
  | '}'
  | '.'
  | ','
  | ':'
  | ';'

export class Token {
  type: TokenType
  /** Words and operators in upper case, words merged by folding with one blank between them; else empty. */
  text: string
  /** It stands for a comparison that was folded: a tautology can be behind it. */
  compared = false
  /** Where the content (without quotes) stands in the input. */
  readonly start: number
  readonly end: number
  /** The quote that opens and the one that closes a string; empty where the input has none. */
  open = ''
  close = ''

  constructor(type: TokenType, text: string, start: number, end: number) {
    this.type = type
    this.text = text
    this.start = start
    this.end = end
  }

  /** The same place as another kind of token: a quoted name is no string. */
  as(type: TokenType, text: string): Token {
    return new Token(type, text, this.start, this.end).quoted(this.open, this.close)
  }

  quoted(open: string, close: string): this {
    this.open = open
    this.close = close
    return this
  }
}
