// What a module does and keeps when it is imported. Relies on the formatter: a top-level statement begins in column 0.
import type { Finding, Source } from './source.ts'
import type { Token } from './tokens.ts'

type Place = Omit<Finding, 'path'>

const declarations = new Set([
  'import',
  'export',
  'const',
  'let',
  'var',
  'type',
  'interface',
  'function',
  'async',
  'class',
  'declare',
  'abstract',
])
const mutators = new Set([
  'set',
  'add',
  'delete',
  'clear',
  'push',
  'pop',
  'shift',
  'unshift',
  'splice',
  'sort',
  'reverse',
  'fill',
])
const assignments = new Set(['=', '+=', '-=', '*=', '/=', '??=', '||=', '&&=', '++', '--'])
/** Made to be written to: no use as a constant makes sense. */
const alwaysState = new Set([
  'WeakMap',
  'WeakSet',
  'LRUCache',
  'AsyncLocalStorage',
  'EventEmitter',
  'Agent',
  'Pool',
])

/** Statements at module level that are neither a declaration nor an import of names. */
export function topLevelEffects({ tokens }: Source): Place[] {
  const places: Place[] = []
  tokens.forEach((token, at) => {
    if (token.column !== 0 || token.depth !== 0 || token.line === tokens[at - 1]?.line) return
    const bareImport = token.text === 'import' && tokens[at + 1]?.kind === 'string'
    if (token.text === 'if' && isScriptGuard(tokens, at)) return
    if (!bareImport && (declarations.has(token.text) || /^[\])}|&>]$/.test(token.text))) return
    places.push({ line: token.line, message: `does something when imported: ${token.text}` })
  })
  return places
}

/** `if (import.meta.main)` and the like: what runs only when the file itself is started. */
function isScriptGuard(tokens: readonly Token[], at: number): boolean {
  const condition = tokens.slice(at + 1, closing(tokens, at + 1))
  return condition.some(({ text }, index) => text === 'import' && condition[index + 2]?.text === 'meta')
}

/** `let` and `var`, and constants that are written to later in the file. */
export function topLevelState({ tokens }: Source): Place[] {
  return tokens.flatMap((token, at) => {
    if (token.depth !== 0 || token.kind !== 'name') return []
    const name = tokens[at + 1]
    if (token.text === 'let' || token.text === 'var')
      return [{ line: token.line, message: `${token.text} ${name?.text}` }]
    if (token.text !== 'const' || tokens[at - 1]?.text === 'as' || name?.kind !== 'name') return []
    const reason = holdsState(tokens, at) ?? writeTo(tokens, name.text)
    return reason === null ? [] : [{ line: token.line, message: `${name.text} is state: ${reason}` }]
  })
}

function holdsState(tokens: readonly Token[], at: number): string | null {
  const equals = tokens.findIndex((token, index) => index > at && token.depth === 0 && token.text === '=')
  const made = tokens[equals + 1]?.text === 'new' ? (tokens[equals + 2]?.text ?? '') : ''
  return alwaysState.has(made) ? `new ${made}` : null
}

/** How `name` is written to, wherever in the file; a shadowing local of the same name is taken for it. */
function writeTo(tokens: readonly Token[], name: string): string | null {
  for (const [at, token] of tokens.entries()) {
    if (token.text !== name || token.kind !== 'name' || tokens[at - 1]?.text === '.') continue
    const [next, member, after] = tokens.slice(at + 1, at + 4)
    if (next?.text === '.' && mutators.has(member?.text ?? '') && after?.text === '(')
      return `.${member?.text}()`
    if (next?.text === '.' && assignments.has(after?.text ?? '')) return `.${member?.text} is assigned`
    if (next?.text === '[' && assignments.has(tokens[closing(tokens, at + 1) + 1]?.text ?? ''))
      return 'an element is assigned'
    if (tokens[at - 1]?.text === 'delete') return 'a property is deleted'
  }
  return null
}

function closing(tokens: readonly Token[], open: number): number {
  return tokens.findIndex((token, index) => index > open && token.depth === tokens[open]?.depth)
}
