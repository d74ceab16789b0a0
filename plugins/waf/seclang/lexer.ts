// Rule text to directives: joins continued lines, drops comments, splits a line into words. Called at load.

import type { Place, SecLangProblem } from './problem.ts'

export interface Directive extends Place {
  /** As written; compared without case. */
  readonly name: string
  readonly words: readonly string[]
}

/** Reads all directives of `text`; what cannot be read is added to `problems`. Lines are counted from 1. */
export function readDirectives(text: string, file: string, problems: SecLangProblem[]): Directive[] {
  const directives: Directive[] = []
  for (const { content, line } of joinLines(text)) {
    const words = splitWords(content)
    if (words === null) {
      problems.push({
        file,
        line,
        message: 'a quoted word is not closed; end it with the quote it began with',
      })
      continue
    }
    const [name, ...rest] = words
    if (name !== undefined) directives.push({ name, words: rest, file, line })
  }
  return directives
}

interface JoinedLine {
  readonly content: string
  /** Where it began. */
  readonly line: number
}

/** A backslash at the end of a line continues it. Comments do not continue. */
function joinLines(text: string): JoinedLine[] {
  const joined: JoinedLine[] = []
  let pending = ''
  let begun = 0
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const raw = (lines[i] as string).replace(/\r$/, '')
    const content = pending === '' ? raw.trimStart() : raw
    if (pending === '' && (content === '' || content.startsWith('#'))) continue
    if (pending === '') begun = i + 1
    if (raw.endsWith('\\')) {
      pending += content.slice(0, -1)
      if (pending === '') pending = ' '
      continue
    }
    joined.push({ content: pending + content, line: begun })
    pending = ''
  }
  if (pending.trim() !== '') joined.push({ content: pending, line: begun })
  return joined
}

/** Words are bare or in double or single quotes; inside quotes only the quote itself is escaped. null: not closed. */
function splitWords(content: string): string[] | null {
  const words: string[] = []
  let at = 0
  while (true) {
    while (at < content.length && isBlank(content[at])) at++
    if (at >= content.length) return words
    const first = content[at] as string
    const end = first === '"' || first === "'" ? closingQuote(content, at) : wordEnd(content, at)
    if (end === -1) return null
    const quoted = first === '"' || first === "'"
    const word = quoted ? content.slice(at + 1, end).replaceAll(`\\${first}`, first) : content.slice(at, end)
    words.push(word)
    at = quoted ? end + 1 : end
  }
}

function closingQuote(content: string, open: number): number {
  const quote = content[open]
  for (let at = open + 1; at < content.length; at++) {
    if (content[at] === '\\') at++
    else if (content[at] === quote) return at
  }
  return -1
}

function wordEnd(content: string, start: number): number {
  let at = start
  while (at < content.length && !isBlank(content[at])) at++
  return at
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t'
}
