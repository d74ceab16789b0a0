// The first word of a SecRule: variables to inspect, with keys, patterns of keys, counts and exclusions.

import type { Entry } from './text.ts'
import { findVariable, type Variable, xmlPaths } from './variables.ts'

/** Which members of a collection. */
export interface Selector {
  /** As written; with the variable's name it identifies a target. */
  readonly source: string
  /** In lower case; null for a pattern. */
  readonly key: string | null
  matches(entry: Entry): boolean
}

export interface Target {
  readonly variable: Variable
  readonly selector: Selector | null
  /** &ARGS: how many there are, in place of their values. */
  readonly count: boolean
}

export interface TargetList {
  readonly included: readonly Target[]
  /** !ARGS:x: members that are not inspected though a target takes them in. */
  readonly excluded: readonly Target[]
}

/** Compiles the pattern of a selector, case ignored; throws an error for one that is broken. */
export type PatternCompiler = (pattern: string) => (key: string) => boolean

/** Throws an error that says which part is wrong. */
export function parseTargets(text: string, compile: PatternCompiler): TargetList {
  const included: Target[] = []
  const excluded: Target[] = []
  for (const part of splitTargets(text)) {
    const exclusion = part.startsWith('!')
    const target = parseTarget(exclusion ? part.slice(1) : part, compile)
    ;(exclusion ? excluded : included).push(target)
  }
  return { included, excluded }
}

/** `ARGS:x|!ARGS:/a|b/` in parts: a bar inside of /.../ or '...' does not separate. */
function splitTargets(text: string): string[] {
  const parts: string[] = []
  let start = 0
  let at = 0
  while (at <= text.length) {
    if (at === text.length || text[at] === '|') {
      const part = text.slice(start, at).trim()
      if (part === '') throw new Error(`"${text}" holds an empty target`)
      parts.push(part)
      start = at + 1
    } else if (text[at] === ':' && opensSelector(text, start, at)) {
      at = selectorEnd(text, at + 1)
      continue
    }
    at++
  }
  return parts
}

function opensSelector(text: string, start: number, colon: number): boolean {
  const next = text[colon + 1]
  if (next === "'") return true
  return next === '/' && !/^[!&]*XML$/i.test(text.slice(start, colon).trim())
}

/** Where the selector that begins at `open` ends: behind the closing slash or quote. */
function selectorEnd(text: string, open: number): number {
  const close = text[open]
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === close) return at + 1
  }
  throw new Error(`the selector ${text.slice(open)} is not closed`)
}

function parseTarget(part: string, compile: PatternCompiler): Target {
  const count = part.startsWith('&')
  const body = count ? part.slice(1) : part
  const colon = body.search(/[:.]/)
  const name = colon === -1 ? body : body.slice(0, colon)
  const variable = findVariable(name)
  if (variable === undefined) throw new Error(`"${name}" is no variable of this engine`)
  if (colon === -1) return { variable, selector: null, count }
  if (!variable.keyed)
    throw new Error(`${variable.name} has no members: write it without "${body.slice(colon)}"`)
  return { variable, selector: parseSelector(variable, unquoted(body.slice(colon + 1)), compile), count }
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1) : text
}

function parseSelector(variable: Variable, source: string, compile: PatternCompiler): Selector {
  if (variable.name === 'XML' && !xmlPaths.includes(source)) {
    throw new Error(
      `XML:${source} is not supported: ${xmlPaths.map((path) => `XML:${path}`).join(' and ')} are`,
    )
  }
  if (variable.name !== 'XML' && source.length > 1 && source.startsWith('/') && source.endsWith('/')) {
    const matches = compile(source.slice(1, -1).replaceAll('\\/', '/'))
    return { source, key: null, matches: (entry) => matches(entry.key) }
  }
  const key = source.toLowerCase()
  return { source, key, matches: (entry) => entry.folded === key }
}
