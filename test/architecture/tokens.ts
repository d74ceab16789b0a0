// A small tokenizer for TypeScript: enough to tell code from comments, strings, templates and regular expressions.
// Written because TypeScript 7's package has no stable JavaScript API. Used by the architecture test only.

export type TokenKind = 'name' | 'number' | 'string' | 'template' | 'regex' | 'punctuation'

export interface Token {
  readonly kind: TokenKind
  /** Source text; of a string, what stands between the quotes. */
  readonly text: string
  readonly line: number
  readonly column: number
  /** Open brackets of any kind around it; a bracket itself has the depth outside of it. */
  readonly depth: number
}

const punctuators = [
  ...['>>>=', '...', '===', '!==', '**=', '<<=', '>>=', '&&=', '||=', '??='],
  ...['=>', '==', '!=', '<=', '>=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '++', '--', '?.', '??'],
]
const beforeRegex = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'await',
  'yield',
  'delete',
  'void',
  'else',
])
const nameStart = /[\p{ID_Start}$_#@]/u
const namePart = /[\p{ID_Continue}$\u200c\u200d]/u

interface Cursor {
  readonly text: string
  at: number
  line: number
  lineStart: number
}

/** Tokens in order, comments left out. */
export function tokenize(text: string): Token[] {
  const cursor: Cursor = { text, at: text.startsWith('#!') ? text.indexOf('\n') : 0, line: 1, lineStart: 0 }
  const tokens: Token[] = []
  const open: string[] = []
  while (skipBlank(cursor)) {
    const { line, at } = cursor
    const column = at - cursor.lineStart
    const closesTemplate = text[at] === '}' && open.at(-1) === '${'
    const kind: TokenKind = closesTemplate ? 'template' : kindAt(cursor, tokens.at(-1))
    if (closesTemplate) open.pop()
    const raw = closesTemplate ? readTemplate(cursor) : readToken(cursor, kind)
    if (kind === 'punctuation' && /^[)\]}]$/.test(raw)) open.pop()
    tokens.push({ kind, text: kind === 'string' ? raw.slice(1, -1) : raw, line, column, depth: open.length })
    if (kind === 'punctuation' && /^[([{]$/.test(raw)) open.push(raw)
    if (kind === 'template' && raw.endsWith('${')) open.push('${')
  }
  return tokens
}

/** Moves past blanks and comments; false at the end. */
function skipBlank(cursor: Cursor): boolean {
  const { text } = cursor
  for (;;) {
    const character = text[cursor.at]
    if (character === undefined) return false
    if (text.startsWith('//', cursor.at)) moveTo(cursor, orEnd(text, text.indexOf('\n', cursor.at)))
    else if (text.startsWith('/*', cursor.at)) moveTo(cursor, orEnd(text, text.indexOf('*/', cursor.at), 2))
    else if (/\s/.test(character)) moveTo(cursor, cursor.at + 1)
    else return true
  }
}

function orEnd(text: string, found: number, plus = 0): number {
  return found < 0 ? text.length : found + plus
}

function moveTo(cursor: Cursor, end: number): void {
  for (; cursor.at < end; cursor.at++) {
    if (cursor.text[cursor.at] !== '\n') continue
    cursor.line += 1
    cursor.lineStart = cursor.at + 1
  }
}

function kindAt({ text, at }: Cursor, previous: Token | undefined): TokenKind {
  const character = text[at] as string
  if (character === "'" || character === '"') return 'string'
  if (character === '`') return 'template'
  if (nameStart.test(character)) return 'name'
  if (/\d/.test(character)) return 'number'
  return character === '/' && regexMayFollow(previous) ? 'regex' : 'punctuation'
}

function regexMayFollow(previous: Token | undefined): boolean {
  if (previous === undefined) return true
  if (previous.kind === 'name') return beforeRegex.has(previous.text)
  return previous.kind === 'punctuation' && ![')', ']', '}'].includes(previous.text)
}

function readToken(cursor: Cursor, kind: TokenKind): string {
  if (kind === 'template') return readTemplate(cursor)
  const { text, at } = cursor
  let end = at + 1
  if (kind === 'string') while (end < text.length && text[end] !== text[at]) end += text[end] === '\\' ? 2 : 1
  else if (kind === 'regex') end = endOfRegex(text, at)
  else if (kind === 'punctuation')
    end = at + (punctuators.find((one) => text.startsWith(one, at))?.length ?? 1)
  else while (namePart.test(text[end] ?? '')) end += 1
  if (kind === 'string') end += 1
  moveTo(cursor, Math.min(end, text.length))
  return text.slice(at, end)
}

function endOfRegex(text: string, start: number): number {
  let end = start + 1
  let inClass = false
  while (end < text.length && text[end] !== '\n' && (inClass || text[end] !== '/')) {
    if (text[end] === '[') inClass = true
    if (text[end] === ']') inClass = false
    end += text[end] === '\\' ? 2 : 1
  }
  end += 1
  while (namePart.test(text[end] ?? '')) end += 1
  return end
}

/** One piece of a template: from a backtick or the brace of a `${}` to the next `${` or the last backtick. */
function readTemplate(cursor: Cursor): string {
  const { text, at } = cursor
  let end = at + 1
  while (end < text.length && text[end] !== '`' && !text.startsWith('${', end))
    end += text[end] === '\\' ? 2 : 1
  end += text[end] === '$' ? 2 : 1
  moveTo(cursor, Math.min(end, text.length))
  return text.slice(at, end)
}
