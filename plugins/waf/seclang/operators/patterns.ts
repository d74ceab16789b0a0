// @rx and @rxGlobal.
import { hintOfSyntax } from '../regex/hint.ts'
import { parsePattern } from '../regex/parse.ts'
import { compilePattern, type Pattern } from '../regex/pattern.ts'
import type { DynamicOperator, MatchHint, Operator, OperatorContext } from '../types.ts'

const groupLimit = 9
/** @rxGlobal looks for so many matches at most: only ten groups are kept anyway. */
const maxMatches = 10
const maxDynamicPatterns = 32

export class PatternOperator implements Operator {
  readonly hint: MatchHint | null
  readonly #pattern: Pattern

  constructor(source: string) {
    this.hint = hintOfSyntax(parsePattern(source))
    this.#pattern = compilePattern(source)
  }

  evaluate(value: string, context: OperatorContext): boolean {
    return evaluatePattern(this.#pattern, value, context)
  }
}

function evaluatePattern(pattern: Pattern, value: string, context: OperatorContext): boolean {
  if (!context.capturing) return pattern.test(value)
  const match = pattern.exec(value)
  match?.groups.forEach((text, group) => {
    if (text !== undefined) context.capture(group, text)
  })
  return match !== null
}

/** A pattern made of what the request set: the last ones are kept; one that is no pattern matches nothing. */
export function createDynamicPattern(): DynamicOperator {
  const known = new Map<string, Pattern | null>()
  return (value, argument, context) => {
    let pattern = known.get(argument)
    if (pattern === undefined) {
      pattern = patternOrNull(argument)
      if (known.size >= maxDynamicPatterns) known.clear()
      known.set(argument, pattern)
    }
    return pattern !== null && evaluatePattern(pattern, value, context)
  }
}

function patternOrNull(source: string): Pattern | null {
  try {
    return compilePattern(source)
  } catch {
    return null
  }
}

/** As @rx, but all matches are numbered on: TX:0, TX:1 ... are the groups in the order in which they were found. */
export class GlobalPatternOperator implements Operator {
  readonly hint: MatchHint | null
  readonly #pattern: Pattern

  constructor(source: string) {
    this.hint = hintOfSyntax(parsePattern(source))
    this.#pattern = compilePattern(source)
  }

  evaluate(value: string, context: OperatorContext): boolean {
    if (!context.capturing) return this.#pattern.test(value)
    let group = 0
    let found = false
    for (const match of matchesOf(this.#pattern, value, maxMatches)) {
      found = true
      for (const text of match.groups)
        if (text !== undefined && group <= groupLimit) context.capture(group++, text)
    }
    return found
  }
}

/** Matches from left to right that do not overlap. */
export function* matchesOf(pattern: Pattern, value: string, limit: number) {
  let from = 0
  for (let count = 0; count < limit && from <= value.length; count++) {
    const match = pattern.exec(value, from)
    if (match === null) return
    yield match
    from = match.index + Math.max(1, match.groups[0]?.length ?? 0)
  }
}
