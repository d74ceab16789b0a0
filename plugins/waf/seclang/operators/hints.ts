// What a value must hold for an operator to match, for operators that are not patterns.
import type { MatchHint } from '../types.ts'

export function hintOfLiteral(literal: string): MatchHint | null {
  return literal === '' ? null : { anyOf: [lowered(literal)], masks: [], minLength: literal.length }
}

/** A value that any of `literals` must occur in. */
export function hintOfLiterals(literals: readonly string[]): MatchHint | null {
  if (literals.length === 0 || literals.includes('')) return null
  const minLength = Math.min(...literals.map((literal) => literal.length))
  return { anyOf: [...new Set(literals.map(lowered))], masks: [], minLength }
}

/** A value that must hold a byte of `mask`. */
export function hintOfMask(mask: Uint8Array): MatchHint {
  return { anyOf: null, masks: [mask], minLength: 1 }
}

function lowered(literal: string): string {
  return literal.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
