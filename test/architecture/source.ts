// One TypeScript file as the architecture rules see it: its place, its tokens and what it imports.
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { type Token, tokenize } from './tokens.ts'

/** A place that breaks a rule. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

export interface Import {
  readonly specifier: string
  /** Path from the repository's root when the specifier is relative, else null. */
  readonly file: string | null
  /** Package name (`@scope/name`, `undici`, `node:fs`) when it is not relative, else null. */
  readonly library: string | null
  readonly typeOnly: boolean
  readonly reexport: boolean
  readonly line: number
}

export interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly tokens: readonly Token[]
  readonly imports: readonly Import[]
}

export function parseSource(path: string, text: string): Source {
  const tokens = tokenize(text)
  const lines = text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return { path, text, lines, tokens, imports: findImports(path, tokens) }
}

/** Every TypeScript file of the repository. */
export function readSources(root: string): Source[] {
  const folders = ['gateway', 'plugins', 'config', 'admin', 'test', 'bench', 'examples', 'docs', 'deploy']
  return globSync(`{${folders.join(',')}}/**/*.ts`, { cwd: root, exclude: ['**/node_modules/**'] })
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => parseSource(path, readFileSync(`${root}/${path}`, 'utf8')))
}

function findImports(path: string, tokens: readonly Token[]): Import[] {
  const found: Import[] = []
  tokens.forEach((token, index) => {
    if (token.kind !== 'name' || tokens[index - 1]?.text === '.') return
    const one =
      token.text === 'import'
        ? importAt(tokens, index)
        : token.text === 'export' && token.depth === 0
          ? reexportAt(tokens, index)
          : null
    if (one === null) return
    const relative = one.specifier.startsWith('.')
    found.push({
      ...one,
      file: relative ? posix.join(posix.dirname(path), one.specifier) : null,
      library: relative ? null : toLibrary(one.specifier),
      line: token.line,
    })
  })
  return found
}

type Found = Pick<Import, 'specifier' | 'typeOnly' | 'reexport'>

function importAt(tokens: readonly Token[], index: number): Found | null {
  const next = tokens[index + 1]
  if (next?.kind === 'string') return { specifier: next.text, typeOnly: false, reexport: false }
  if (next?.text === '(') {
    const argument = tokens[index + 2]
    // `import('x').Name` in a type position cannot be told apart; it is counted as a value, the stricter reading.
    return argument?.kind === 'string' ? { specifier: argument.text, typeOnly: false, reexport: false } : null
  }
  return next?.text === '.' ? null : clauseAt(tokens, index, false)
}

function reexportAt(tokens: readonly Token[], index: number): Found | null {
  const next = tokens[index + 1]?.text === 'type' ? tokens[index + 2] : tokens[index + 1]
  if (next?.text !== '*' && next?.text !== '{') return null
  return clauseAt(tokens, index, true)
}

/** Reads `... from 'x'` after the keyword at `index`. */
function clauseAt(tokens: readonly Token[], index: number, reexport: boolean): Found | null {
  let end = index + 1
  let inBraces = false
  for (; end < tokens.length; end++) {
    const token = tokens[end] as Token
    if (token.text === '{') inBraces = true
    if (token.text === '}') inBraces = false
    if (!inBraces && token.text === 'from' && tokens[end + 1]?.kind === 'string') break
    if (!inBraces && token.kind === 'string') return null
    if (!inBraces && end > index + 1 && (token.text === 'import' || token.text === 'export')) return null
  }
  const specifier = tokens[end + 1]?.text
  if (specifier === undefined) return null
  return { specifier, typeOnly: isTypeOnly(tokens.slice(index + 1, end)), reexport }
}

function isTypeOnly(clause: readonly Token[]): boolean {
  if (clause[0]?.text === 'type' && clause.length > 1 && clause[1]?.text !== ',') return true
  if (clause[0]?.text !== '{') return false
  const names = clause.slice(1, -1)
  return names.every((token, at) => (at > 0 && names[at - 1]?.text !== ',') || token.text === 'type')
}

function toLibrary(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
