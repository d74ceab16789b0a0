// Strict JSON reader for config files: says where and what was expected, refuses duplicate and prototype keys.
// JSON.parse keeps the last of two equal keys and makes `__proto__` an own key; both hide what a file really means.
// Main thread; called by load.ts.
import { type PathStep, toPointer } from './pointer.ts'
import { problemCap } from './problems.ts'

export interface JsonTextProblem {
  readonly pointer: string
  readonly message: string
}

export type JsonTextResult =
  /** Refused keys are left out of `value` and named in `problems`. */
  | { readonly ok: true; readonly value: unknown; readonly problems: readonly JsonTextProblem[] }
  | { readonly ok: false; readonly message: string }

export const prototypeKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
export const prototypeKeyMessage = (key: string) =>
  `The key "${key}" is refused: it could change the prototype of objects. Use another name.`

export const deepest = 100

interface Reader {
  readonly text: string
  at: number
  readonly path: PathStep[]
  readonly problems: JsonTextProblem[]
}

class SyntaxProblem extends Error {}

export function parseJsonText(text: string): JsonTextResult {
  const reader: Reader = { text, at: 0, path: [], problems: [] }
  try {
    const value = readValue(reader, 'a JSON value')
    skipSpace(reader)
    if (reader.at < text.length) throw fail(reader, 'the end of the file')
    return { ok: true, value, problems: reader.problems }
  } catch (error) {
    if (error instanceof SyntaxProblem) return { ok: false, message: error.message }
    throw error
  }
}

function readValue(reader: Reader, expected: string): unknown {
  skipSpace(reader)
  const char = reader.text[reader.at]
  if (char === '{' || char === '[') {
    if (reader.path.length >= deepest) {
      throw new SyntaxProblem(
        `${placeOf(reader)}: nested deeper than ${deepest} levels, which no config needs`,
      )
    }
    return char === '{' ? readObject(reader) : readArray(reader)
  }
  if (char === '"') return readString(reader)
  if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) return readNumber(reader)
  for (const [word, value] of words) {
    if (reader.text.startsWith(word, reader.at)) {
      reader.at += word.length
      return value
    }
  }
  throw fail(reader, expected)
}

const words: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

function readObject(reader: Reader): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  reader.at += 1
  skipSpace(reader)
  if (take(reader, '}')) return object
  for (;;) {
    skipSpace(reader)
    if (reader.text[reader.at] !== '"') throw fail(reader, 'a key in double quotes')
    const key = readString(reader)
    skipSpace(reader)
    if (!take(reader, ':')) throw fail(reader, 'a colon after the key')
    reader.path.push(key)
    const value = readValue(reader, `a value for the key "${key}"`)
    if (prototypeKeys.has(key)) note(reader, prototypeKeyMessage(key))
    else if (Object.hasOwn(object, key)) note(reader, `The key "${key}" is given twice in one object.`)
    else object[key] = value
    reader.path.pop()
    skipSpace(reader)
    if (take(reader, '}')) return object
    if (!take(reader, ',')) throw fail(reader, "a comma or '}'")
  }
}

function readArray(reader: Reader): unknown[] {
  const array: unknown[] = []
  reader.at += 1
  skipSpace(reader)
  if (take(reader, ']')) return array
  for (;;) {
    reader.path.push(array.length)
    array.push(readValue(reader, 'a value'))
    reader.path.pop()
    skipSpace(reader)
    if (take(reader, ']')) return array
    if (!take(reader, ',')) throw fail(reader, "a comma or ']'")
  }
}

function readString(reader: Reader): string {
  const { text } = reader
  const start = reader.at
  let escaped = false
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 34) {
      reader.at = at + 1
      return escaped ? (JSON.parse(text.slice(start, at + 1)) as string) : text.slice(start + 1, at)
    }
    if (code < 32) {
      reader.at = at
      throw fail(reader, 'the closing quote of a string (control characters must be escaped)')
    }
    if (code === 92) {
      escaped = true
      at = skipEscape(reader, at)
    }
  }
  reader.at = text.length
  throw fail(reader, 'the closing quote of a string')
}

/** Returns the index of the escape's last character. */
function skipEscape(reader: Reader, at: number): number {
  const kind = reader.text[at + 1]
  if (kind !== undefined && '"\\/bfnrt'.includes(kind)) return at + 1
  if (kind === 'u' && /^[0-9a-fA-F]{4}$/.test(reader.text.slice(at + 2, at + 6))) return at + 5
  reader.at = at
  throw fail(reader, 'a valid escape (\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hex digits)')
}

function readNumber(reader: Reader): number {
  const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
  number.lastIndex = reader.at
  const match = number.exec(reader.text)
  if (match === null) throw fail(reader, 'a digit')
  reader.at += match[0].length
  return Number(match[0])
}

function skipSpace(reader: Reader): void {
  for (; reader.at < reader.text.length; reader.at++) {
    const code = reader.text.charCodeAt(reader.at)
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return
  }
}

function take(reader: Reader, char: string): boolean {
  if (reader.text[reader.at] !== char) return false
  reader.at += 1
  return true
}

function note(reader: Reader, message: string): void {
  if (reader.problems.length <= problemCap) reader.problems.push({ pointer: toPointer(reader.path), message })
}

function fail(reader: Reader, expected: string): SyntaxProblem {
  const found = reader.text[reader.at]
  const place = placeOf(reader)
  if (found === undefined) {
    return new SyntaxProblem(`${place}: the file ends where ${expected} was expected; it may be half-written`)
  }
  return new SyntaxProblem(`${place}: expected ${expected}, found ${JSON.stringify(found)}`)
}

function placeOf({ text, at }: Reader): string {
  let line = 1
  let lineStart = 0
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) {
    line += 1
    lineStart = i + 1
  }
  return `line ${line}, column ${at - lineStart + 1}`
}
