// HTML as browsers tokenise it (WHATWG HTML 13.2.5), with what old ones add: NUL is ignored, backquotes quote, <% %>.
// Yields only what the rules of xss.ts look at. Called by xss.ts.

export type HtmlTokenType = 'text' | 'tag' | 'close' | 'attribute' | 'value' | 'comment' | 'doctype'

/**
 * Where in a page the input is put: between tags, inside a tag (where a value without
 * quotes ends at the first blank), or as an attribute's value behind this quote.
 */
export type HtmlSurrounding = 'data' | 'tag' | "'" | '"' | '`'

type State = (html: HtmlTokeniser) => boolean

export class HtmlTokeniser {
  readonly input: string
  type: HtmlTokenType = 'text'
  /** Where the token's text stands in the input. */
  start = 0
  end = 0
  #at = 0
  #state: State
  #closing = false

  constructor(input: string, surrounding: HtmlSurrounding) {
    this.input = input
    this.#state = startStates[surrounding]
  }

  /** Moves to the next token; false at the end. */
  next(): boolean {
    return this.#at < this.input.length && this.#state(this)
  }

  #emit(type: HtmlTokenType, span: readonly [number, number], at: number, state: State): true {
    this.type = type
    this.start = span[0]
    this.end = span[1]
    this.#at = at
    this.#state = state
    return true
  }

  /** Up to the delimiter, which is left out, or to the end of the input. */
  #emitUntil(type: HtmlTokenType, delimiter: string, state: State): boolean {
    const { input } = this
    const end = input.indexOf(delimiter, this.#at)
    if (end === -1) return this.#emit(type, [this.#at, input.length], input.length, state)
    return this.#emit(type, [this.#at, end], end + delimiter.length, state)
  }

  /** The code at the next place that is no blank; -1 at the end. */
  #afterBlanks(): number {
    const { input } = this
    while (this.#at < input.length && isBlank(input.charCodeAt(this.#at))) this.#at++
    return this.#at < input.length ? input.charCodeAt(this.#at) : -1
  }

  static data(html: HtmlTokeniser): boolean {
    const { input } = html
    const open = input.indexOf('<', html.#at)
    if (open === -1) return html.#emit('text', [html.#at, input.length], input.length, HtmlTokeniser.data)
    if (open > html.#at) return html.#emit('text', [html.#at, open], open + 1, HtmlTokeniser.tagOpen)
    html.#at = open + 1
    return HtmlTokeniser.tagOpen(html)
  }

  static tagOpen(html: HtmlTokeniser): boolean {
    const { input } = html
    const code = input.charCodeAt(html.#at)
    if (code === 0x21) return HtmlTokeniser.#declaration(html, ++html.#at)
    if (code === 0x2f) return HtmlTokeniser.#endTagOpen(html, ++html.#at)
    if (code === 0x3f) return HtmlTokeniser.#bogusComment(html, ++html.#at, '>')
    if (code === 0x25) return HtmlTokeniser.#bogusComment(html, ++html.#at, '%>')
    if (isLetter(code) || code === 0) return HtmlTokeniser.#tagName(html)
    return html.#emit('text', [html.#at - 1, html.#at], html.#at, HtmlTokeniser.data)
  }

  static #endTagOpen(html: HtmlTokeniser, at: number): boolean {
    const code = html.input.charCodeAt(at)
    if (code === 0x3e) {
      html.#at = at
      return HtmlTokeniser.data(html)
    }
    html.#closing = isLetter(code)
    return html.#closing ? HtmlTokeniser.#tagName(html) : HtmlTokeniser.#bogusComment(html, at, '>')
  }

  static #tagName(html: HtmlTokeniser): boolean {
    const { input } = html
    const start = html.#at
    for (let at = start; at < input.length; at++) {
      const code = input.charCodeAt(at)
      if (code !== 0 && isBlank(code))
        return html.#emit('tag', [start, at], at + 1, HtmlTokeniser.beforeAttribute)
      if (code === 0x2f) return html.#emit('tag', [start, at], at + 1, HtmlTokeniser.selfClosing)
      if (code !== 0x3e) continue
      if (!html.#closing) return html.#emit('tag', [start, at], at, HtmlTokeniser.tagEnd)
      html.#closing = false
      return html.#emit('close', [start, at], at + 1, HtmlTokeniser.data)
    }
    return html.#emit('tag', [start, input.length], input.length, HtmlTokeniser.data)
  }

  static tagEnd(html: HtmlTokeniser): boolean {
    html.#closing = false
    return html.#emit('close', [html.#at, html.#at + 1], html.#at + 1, HtmlTokeniser.data)
  }

  static selfClosing(html: HtmlTokeniser): boolean {
    return html.input.charCodeAt(html.#at) === 0x3e
      ? HtmlTokeniser.tagEnd(html)
      : HtmlTokeniser.beforeAttribute(html)
  }

  static beforeAttribute(html: HtmlTokeniser): boolean {
    let code = html.#afterBlanks()
    while (code === 0x2f) {
      html.#at++
      code = html.#afterBlanks()
    }
    if (code === -1) return false
    return code === 0x3e ? HtmlTokeniser.tagEnd(html) : HtmlTokeniser.#attributeName(html)
  }

  /** The first character belongs to the name whatever it is. */
  static #attributeName(html: HtmlTokeniser): boolean {
    const { input } = html
    const start = html.#at
    for (let at = start + 1; at < input.length; at++) {
      const code = input.charCodeAt(at)
      if (code !== 0 && isBlank(code))
        return html.#emit('attribute', [start, at], at + 1, HtmlTokeniser.afterAttributeName)
      if (code === 0x2f) return html.#emit('attribute', [start, at], at + 1, HtmlTokeniser.selfClosing)
      if (code === 0x3d) return html.#emit('attribute', [start, at], at + 1, HtmlTokeniser.beforeValue)
      if (code === 0x3e) return html.#emit('attribute', [start, at], at, HtmlTokeniser.tagEnd)
    }
    return html.#emit('attribute', [start, input.length], input.length, HtmlTokeniser.data)
  }

  static afterAttributeName(html: HtmlTokeniser): boolean {
    const code = html.#afterBlanks()
    if (code !== 0x3d) return HtmlTokeniser.beforeAttribute(html)
    html.#at++
    return HtmlTokeniser.beforeValue(html)
  }

  static beforeValue(html: HtmlTokeniser): boolean {
    const code = html.#afterBlanks()
    if (code === -1) return false
    if (code !== 0x22 && code !== 0x27 && code !== 0x60) return HtmlTokeniser.unquotedValue(html)
    html.#at++
    return html.#emitUntil('value', String.fromCharCode(code), HtmlTokeniser.afterQuotedValue)
  }

  static unquotedValue(html: HtmlTokeniser): boolean {
    const { input } = html
    const start = html.#at
    for (let at = start; at < input.length; at++) {
      const code = input.charCodeAt(at)
      if (isBlank(code)) return html.#emit('value', [start, at], at + 1, HtmlTokeniser.beforeAttribute)
      if (code === 0x3e) return html.#emit('value', [start, at], at, HtmlTokeniser.tagEnd)
    }
    return html.#emit('value', [start, input.length], input.length, HtmlTokeniser.data)
  }

  static quotedFromStart(quote: string): State {
    return (html) => html.#emitUntil('value', quote, HtmlTokeniser.afterQuotedValue)
  }

  static afterQuotedValue(html: HtmlTokeniser): boolean {
    return HtmlTokeniser.beforeAttribute(html)
  }

  static #bogusComment(html: HtmlTokeniser, at: number, end: string): boolean {
    html.#at = at
    return html.#emitUntil('comment', end, HtmlTokeniser.data)
  }

  static #declaration(html: HtmlTokeniser, at: number): boolean {
    const { input } = html
    if (input.startsWith('--', at)) return HtmlTokeniser.#comment(html, at + 2)
    if (input.startsWith('[CDATA[', at)) {
      html.#at = at + 7
      return html.#emitUntil('text', ']]>', HtmlTokeniser.data)
    }
    const isDoctype = input.slice(at, at + 7).toUpperCase() === 'DOCTYPE'
    return html.#emitUntil(isDoctype ? 'doctype' : 'comment', '>', HtmlTokeniser.data)
  }

  /** To -->, --!> or -!>, between whose characters old browsers take NUL for nothing; <!--> and <!---> are empty. */
  static #comment(html: HtmlTokeniser, start: number): boolean {
    const { input } = html
    const end = /-\0*(?:-\0*(?:!\0*)?|!\0*)>/g
    end.lastIndex = start
    const empty = input.startsWith('>', start) ? 1 : input.startsWith('->', start) ? 2 : 0
    if (empty > 0) return html.#emit('comment', [start, start], start + empty, HtmlTokeniser.data)
    const match = end.exec(input)
    if (match === null) return html.#emit('comment', [start, input.length], input.length, HtmlTokeniser.data)
    return html.#emit('comment', [start, match.index], end.lastIndex, HtmlTokeniser.data)
  }
}

/** NUL, because old browsers skip it, and the vertical tab for the same reason. */
function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a)
}

const startStates: Readonly<Record<HtmlSurrounding, State>> = {
  data: HtmlTokeniser.data,
  tag: HtmlTokeniser.beforeAttribute,
  "'": HtmlTokeniser.quotedFromStart("'"),
  '"': HtmlTokeniser.quotedFromStart('"'),
  '`': HtmlTokeniser.quotedFromStart('`'),
}
