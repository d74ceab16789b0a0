// Finds where a text stops being JSON, because JSON.parse does not always say so. Main thread; called by json-body.ts
// for texts that JSON.parse has refused. One pass, no recursion, no regular expressions.

export interface JsonFault {
  readonly line: number
  readonly column: number
  readonly expected: string
}

type State = 'value' | 'first-item' | 'first-key' | 'key' | 'colon' | 'after-value' | 'end'

const expectations: Readonly<Record<State, string>> = {
  value: 'a value',
  'first-item': "a value or ']'",
  'first-key': "a name in double quotes or '}'",
  key: 'a name in double quotes',
  colon: "':'",
  'after-value': "',' or the closing bracket",
  end: 'nothing more',
}

export function findJsonFault(text: string): JsonFault {
  const open: ('{' | '[')[] = []
  let state = 'value' as State
  let at = skipSpace(text, 0)
  while (at < text.length) {
    const char = text.charAt(at)
    const opener = open.at(-1)
    if ((state === 'value' || state === 'first-item') && (char === '{' || char === '[')) {
      open.push(char)
      state = char === '{' ? 'first-key' : 'first-item'
      at += 1
    } else if (closes(state, opener, char)) {
      open.pop()
      state = open.length === 0 ? 'end' : 'after-value'
      at += 1
    } else if (state === 'after-value' && char === ',') {
      state = opener === '{' ? 'key' : 'value'
      at += 1
    } else if (state === 'colon' && char === ':') {
      state = 'value'
      at += 1
    } else {
      const token = readToken(text, at, state)
      if (token.fault !== null) return locate(text, token.end, token.fault)
      at = token.end
      state = state === 'key' || state === 'first-key' ? 'colon' : open.length === 0 ? 'end' : 'after-value'
    }
    at = skipSpace(text, at)
  }
  return locate(text, text.length, `${expectations[state]}, but the text ends`)
}

function closes(state: State, opener: '{' | '[' | undefined, char: string): boolean {
  if (char === '}') return opener === '{' && (state === 'first-key' || state === 'after-value')
  return char === ']' && opener === '[' && (state === 'first-item' || state === 'after-value')
}

interface Token {
  readonly end: number
  readonly fault: string | null
}

function readToken(text: string, at: number, state: State): Token {
  const wantsName = state === 'key' || state === 'first-key'
  const wantsValue = state === 'value' || state === 'first-item'
  if (!wantsName && !wantsValue) return { end: at, fault: expectations[state] }
  if (text.charAt(at) === '"') return readString(text, at)
  if (wantsName) return { end: at, fault: expectations[state] }
  for (const word of ['true', 'false', 'null']) {
    if (text.startsWith(word, at)) return { end: at + word.length, fault: null }
  }
  return readNumber(text, at, expectations[state])
}

function readString(text: string, start: number): Token {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return { end: at + 1, fault: null }
    if (code < 0x20) return { end: at, fault: 'an escape such as \\n instead of a bare control character' }
    if (code !== 0x5c) {
      at += 1
      continue
    }
    const escaped = text.charAt(at + 1)
    if (escaped === 'u') {
      for (let digit = at + 2; digit < at + 6; digit += 1) {
        if (!isHex(text.charAt(digit))) return { end: digit, fault: 'four hexadecimal digits after \\u' }
      }
      at += 6
    } else if (escaped !== '' && '"\\/bfnrt'.includes(escaped)) at += 2
    else return { end: at, fault: 'one of the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\u' }
  }
  return { end: text.length, fault: 'a closing quote, but the text ends' }
}

function readNumber(text: string, start: number, expected: string): Token {
  let at = text.charAt(start) === '-' ? start + 1 : start
  const whole = skipDigits(text, at)
  if (whole === at) return { end: at, fault: at === start ? expected : 'a digit' }
  if (text.charAt(at) === '0' && whole > at + 1) return { end: at + 1, fault: 'no digit after a leading 0' }
  at = whole
  if (text.charAt(at) === '.') {
    const end = skipDigits(text, at + 1)
    if (end === at + 1) return { end, fault: 'a digit' }
    at = end
  }
  if (text.charAt(at) === 'e' || text.charAt(at) === 'E') {
    const sign = text.charAt(at + 1)
    const first = sign === '+' || sign === '-' ? at + 2 : at + 1
    const end = skipDigits(text, first)
    if (end === first) return { end, fault: 'a digit' }
    at = end
  }
  return { end: at, fault: null }
}

function skipDigits(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at += 1
  return at
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1
  return at
}

function isHex(char: string): boolean {
  return char !== '' && '0123456789abcdefABCDEF'.includes(char)
}

function locate(text: string, offset: number, expected: string): JsonFault {
  let line = 1
  let start = 0
  for (let next = text.indexOf('\n'); next !== -1 && next < offset; next = text.indexOf('\n', next + 1)) {
    line += 1
    start = next + 1
  }
  return { line, column: offset - start + 1, expected }
}
