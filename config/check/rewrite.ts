// Checks of `rewrite`: whatever a path of the route matches, the path upstream must be well defined.
// In `rewrite.path` a last `/*` stands for what the pattern's own last `/*` matched.
import type { Report } from '../problems.ts'
import { quote } from '../wording.ts'
import { type ParsedPath, parsePathPattern } from './path-pattern.ts'

export interface RewriteCheck {
  readonly rewrite: { readonly stripPrefix?: string; readonly path?: string } | undefined
  readonly paths: readonly ParsedPath[]
  readonly pointer: string
  readonly say: Report
}

export function checkRewrite({ rewrite, paths, pointer, say }: RewriteCheck): void {
  if (rewrite === undefined) return
  const { stripPrefix, path } = rewrite
  if (stripPrefix !== undefined && path !== undefined) {
    say(pointer, '"rewrite" holds both "stripPrefix" and "path"; keep one of them.')
    return
  }
  const prefixProblem = stripPrefix === undefined ? null : problemOfPrefix(stripPrefix, paths)
  if (prefixProblem !== null)
    say(`${pointer}/stripPrefix`, `stripPrefix ${quote(stripPrefix)} ${prefixProblem}.`)
  const templateProblem = path === undefined ? null : problemOfTemplate(path, paths)
  if (templateProblem !== null) say(`${pointer}/path`, `rewrite.path ${quote(path)} ${templateProblem}.`)
}

function problemOfPrefix(prefix: string, paths: readonly ParsedPath[]): string | null {
  const pattern = parsePathPattern(prefix)
  if (typeof pattern === 'string') return `cannot be used: ${pattern}`
  if (pattern.names.length > 0 || pattern.open) {
    return 'must be literal, without "{name}" and "*"; use "rewrite.path" for more'
  }
  if (prefix.endsWith('/')) return 'must not end in "/"'
  const other = paths.find(({ text }) => text !== prefix && !text.startsWith(`${prefix}/`))
  return other === undefined ? null : `is not a prefix, by whole segments, of the path ${quote(other.text)}`
}

function problemOfTemplate(template: string, paths: readonly ParsedPath[]): string | null {
  const parsed = parsePathPattern(template, true)
  if (typeof parsed === 'string') return `cannot be used: ${parsed}`
  for (const { text, pattern } of paths) {
    const missing = parsed.names.find((name) => !pattern.names.includes(name))
    if (missing !== undefined) {
      const names = pattern.names.map((name) => `{${name}}`).join(', ') || 'no names'
      return `uses {${missing}}, but the path ${quote(text)} has ${names}`
    }
    if (parsed.open && !pattern.open) {
      return `ends in "/*", but the path ${quote(text)} has no "/*" to take the rest from`
    }
  }
  return null
}
