// Macro expansion: text with %{TX.x}, %{REQUEST_HEADERS.Host}, %{MATCHED_VAR} compiled at load to parts, joined for each use.

import type { Reading } from './variables.ts'
import { parseReading } from './variables.ts'

/** The part of a transaction that macros read. */
export interface MacroScope {
  /** The first value of what `reading` names; empty when there is none. */
  readFirst(reading: Reading): string
}

export interface Macro {
  readonly text: string
  /** null: no macro in it, `text` is the value. */
  readonly parts: readonly (string | Reading)[] | null
}

const macroPattern = /%\{([A-Za-z_][A-Za-z0-9_]*)(?:[.:]([^}]*))?\}/g

/** True when `text` holds a macro. */
export function hasMacro(text: string): boolean {
  return text.search(macroPattern) !== -1
}

/** Throws an error for a macro that names no variable. */
export function compileMacro(text: string): Macro {
  const parts: (string | Reading)[] = []
  let end = 0
  for (const match of text.matchAll(macroPattern)) {
    if (match.index > end) parts.push(text.slice(end, match.index))
    parts.push(parseReading(match[1] as string, match[2] ?? null))
    end = match.index + match[0].length
  }
  if (parts.length === 0) return { text, parts: null }
  if (end < text.length) parts.push(text.slice(end))
  return { text, parts }
}

export function expandMacro(macro: Macro, scope: MacroScope): string {
  if (macro.parts === null) return macro.text
  let expanded = ''
  for (const part of macro.parts) expanded += typeof part === 'string' ? part : scope.readFirst(part)
  return expanded
}
