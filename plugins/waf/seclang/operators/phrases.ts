// @pm and @pmFromFile: one of many phrases, ASCII case ignored.
import { createLiteralAutomaton, type LiteralFinder } from '../regex/automaton.ts'
import type { MatchHint, Operator, OperatorContext } from '../types.ts'
import { hintOfLiterals } from './hints.ts'

export class PhraseOperator implements Operator {
  readonly hint: MatchHint | null
  readonly #phrases: readonly string[]
  /** Made when first asked: the rules are chosen by their hints, and most of these never come to a test. */
  #finder: LiteralFinder | null = null

  constructor(phrases: readonly string[]) {
    if (phrases.length === 0) throw new Error('there is no phrase to look for')
    this.#phrases = phrases
    this.hint = hintOfLiterals(phrases)
  }

  evaluate(value: string, context: OperatorContext): boolean {
    this.#finder ??= createLiteralAutomaton(this.#phrases)
    const found = this.#finder.findFirst(value)
    if (found === null) return false
    const phrase = this.#phrases[found.literal] as string
    if (context.capturing) context.capture(0, value.slice(found.end - phrase.length, found.end))
    return true
  }
}

/** Phrases between white space; `|20 2f|` are bytes in hexadecimal; a backslash takes the next character as it is. */
export function phrasesOf(argument: string): string[] {
  const trimmed = argument.trim()
  const quoted = /^"(.*)"$/s.exec(trimmed)?.[1] ?? trimmed
  const plain = quoted.replace(/\|([0-9a-fA-F\s]*)\||\\(.)/gs, (_, hex?: string, char?: string) =>
    hex === undefined ? (char as string) : Buffer.from(hex.replace(/\s+/g, ''), 'hex').toString('latin1'),
  )
  return plain.split(/[\t-\r ]+/).filter((phrase) => phrase !== '')
}

/** A phrase on each line; lines that are empty or begin with `#` say nothing. */
export function phrasesOfFile(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/^[\t ]+|[\t ]+$/g, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
}
