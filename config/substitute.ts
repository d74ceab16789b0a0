// Placeholders in string values: `${NAME}`, `${NAME:-default}`, `${file:path}`; `$${` stands for a plain `${`.
// What was put in is never expanded again, so a secret may hold any characters. Main thread; called by load.ts.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { deepest, prototypeKeyMessage, prototypeKeys } from './json-text.ts'
import { type PathStep, toPointer } from './pointer.ts'
import type { Report } from './problems.ts'

export interface SubstituteOptions {
  /** `${file:}` paths are relative to it. */
  readonly configDir: string
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly report: Report
}

export interface Substituted {
  /** A deep copy: the given value is never changed. */
  readonly value: unknown
  /** Pointers of strings that were one whole placeholder: they may become a number or boolean where the schema wants one. */
  readonly whole: ReadonlySet<string>
  /** Pointers of all strings that held a placeholder: never shown in messages, they may be secret. */
  readonly filled: ReadonlySet<string>
  /** What variables and files put in, and the placeholder that named them. */
  readonly texts: ReadonlyMap<string, string>
}

const secretBytes = 65_536
const longestValue = 1_048_576

interface Walk extends SubstituteOptions {
  readonly path: PathStep[]
  readonly whole: Set<string>
  readonly filled: Set<string>
  readonly texts: Map<string, string>
  /** One file is read once per load. */
  readonly secrets: Map<string, Filling>
}

/** Text to put in, or why there is none. */
type Filling = { readonly text: string } | { readonly problem: string }

export function substitute(value: unknown, options: SubstituteOptions): Substituted {
  const found = { whole: new Set<string>(), filled: new Set<string>(), texts: new Map<string, string>() }
  return { value: copy(value, { ...options, path: [], secrets: new Map(), ...found }), ...found }
}

/** Absolute paths of the files that `${file:}` placeholders name, for watching. */
export function listSecretFiles(value: unknown, configDir: string): string[] {
  const found = new Set<string>()
  const visit = (part: unknown): void => {
    if (typeof part === 'string') {
      for (const piece of piecesOf(part)) {
        if (piece.kind === 'placeholder' && piece.inner.startsWith('file:')) {
          found.add(resolve(configDir, piece.inner.slice(5)))
        }
      }
    } else if (typeof part === 'object' && part !== null) {
      for (const child of Object.values(part)) visit(child)
    }
  }
  visit(value)
  return [...found]
}

function copy(value: unknown, walk: Walk): unknown {
  if (typeof value === 'string') return value.includes('${') ? expand(value, walk) : value
  if (typeof value === 'number' && !Number.isFinite(value)) {
    // JSON.parse makes Infinity of it, and JSON.stringify null of that.
    walk.report(toPointer(walk.path), 'This number is too large: at most 1.79e308 can be held.')
    return 0
  }
  if (typeof value !== 'object' || value === null) return value
  if (walk.path.length >= deepest) {
    walk.report(toPointer(walk.path), `This is nested deeper than ${deepest} levels, which no config needs.`)
    return null
  }
  if (Array.isArray(value)) return value.map((item, index) => copyChild(index, item, walk))
  const object: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key]
    if (prototypeKeys.has(key)) walk.report(toPointer([...walk.path, key]), prototypeKeyMessage(key))
    else object[key] = copyChild(key, child, walk)
  }
  return object
}

function copyChild(step: PathStep, child: unknown, walk: Walk): unknown {
  walk.path.push(step)
  const copied = copy(child, walk)
  walk.path.pop()
  return copied
}

function expand(text: string, walk: Walk): string {
  const pointer = toPointer(walk.path)
  const pieces = piecesOf(text)
  let out = ''
  for (const piece of pieces) {
    if (piece.kind === 'text') {
      out += piece.text
      continue
    }
    walk.filled.add(pointer)
    const filling = piece.kind === 'open' ? unclosed : fill(piece.inner, walk)
    if ('problem' in filling) {
      walk.report(pointer, filling.problem)
      continue
    }
    if (piece.kind === 'placeholder' && filling.text !== defaultOf(piece.inner))
      walk.texts.set(filling.text, `\${${piece.inner}}`)
    out += filling.text
  }
  if (pieces.length === 1 && pieces[0]?.kind === 'placeholder') walk.whole.add(pointer)
  if (out.length <= longestValue) return out
  walk.report(
    pointer,
    `With its placeholders filled in, this value is longer than ${longestValue} characters.`,
  )
  return ''
}

/** What the file itself says is no secret. */
function defaultOf(inner: string): string | null {
  const mark = inner.indexOf(':-')
  return mark < 0 ? null : inner.slice(mark + 2)
}

const unclosed: Filling = {
  problem: `A placeholder is opened by "\${" and not closed by "}". Write "$\${" for a plain "\${".`,
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'placeholder'; readonly inner: string }
  | { readonly kind: 'open' }

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  const addText = (piece: string) => void (piece === '' || pieces.push({ kind: 'text', text: piece }))
  let from = 0
  for (;;) {
    const at = text.indexOf('${', from)
    if (at < 0) break
    if (at > from && text[at - 1] === '$') {
      addText(`${text.slice(from, at - 1)}\${`)
      from = at + 2
      continue
    }
    addText(text.slice(from, at))
    const end = text.indexOf('}', at)
    if (end < 0) return [...pieces, { kind: 'open' }]
    pieces.push({ kind: 'placeholder', inner: text.slice(at + 2, end) })
    from = end + 1
  }
  addText(text.slice(from))
  return pieces
}

function fill(inner: string, walk: Walk): Filling {
  if (inner.startsWith('file:')) return readSecret(inner.slice(5), walk)
  const mark = inner.indexOf(':-')
  const name = mark < 0 ? inner : inner.slice(0, mark)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const forms = `"\${NAME}", "\${NAME:-default}" and "\${file:path}"`
    return { problem: `"\${${inner}}" is not a placeholder. Known forms: ${forms}; "$\${" is a plain "\${".` }
  }
  const value = Object.hasOwn(walk.variables, name) ? walk.variables[name] : undefined
  if (mark >= 0) return { text: value === undefined || value === '' ? inner.slice(mark + 2) : value }
  if (value !== undefined) return { text: value }
  return {
    problem: `The environment variable ${name} is not set. Set it, or give a default: "\${${name}:-default}".`,
  }
}

function readSecret(path: string, walk: Walk): Filling {
  const full = resolve(walk.configDir, path)
  const known = walk.secrets.get(full)
  if (known !== undefined) return known
  const filling = path === '' ? { problem: `"\${file:}" names no file.` } : readSecretFile(full)
  walk.secrets.set(full, filling)
  return filling
}

function readSecretFile(path: string): Filling {
  try {
    const stats = statSync(path)
    // Reading a pipe or device could wait for ever.
    if (!stats.isFile()) return { problem: `${path} is not a regular file.` }
    if (stats.size > secretBytes) {
      return { problem: `${path} is larger than ${secretBytes} bytes, too large for a value.` }
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
    return { text: text.replace(/\r?\n$/, '') }
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8 text' : (error as Error).message
    return { problem: `The file ${path} cannot be read: ${reason}.` }
  }
}
