// Numbers that carry their own check: payment cards, and the identity numbers of the US, Brazil and Austria.
import { compilePattern } from '../regex/pattern.ts'
import type { Operator, OperatorContext } from '../types.ts'

/** So many places of a value are looked at: each may cost a run over the rest of it. */
const maxCandidates = 200

/** Matches when something that the pattern finds passes the check. */
export function createCheckedOperator(source: string, isValid: (digits: string) => boolean): Operator {
  const pattern = compilePattern(source)
  return {
    hint: null,
    evaluate(value: string, context: OperatorContext): boolean {
      let from = 0
      for (let count = 0; count < maxCandidates && from < value.length; count++) {
        const match = pattern.exec(value, from)
        if (match === null) return false
        const text = match.groups[0] ?? ''
        if (isValid(text.replace(/[^0-9]/g, ''))) {
          if (context.capturing) context.capture(0, text)
          return true
        }
        from = match.index + 1
      }
      return false
    },
  }
}

/** Luhn's sum (ISO/IEC 7812-1). */
export function isCardNumber(digits: string): boolean {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits[digits.length - 1 - at])
    sum += at % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)
  }
  return digits.length > 0 && sum % 10 === 0
}

/** Area, group and serial as the Social Security Administration gave them out until 2011; no plain sequences. */
export function isSocialSecurityNumber(digits: string): boolean {
  if (!/^\d{9}$/.test(digits) || isRepeated(digits)) return false
  const isSequence = [...digits].every(
    (digit, at) => at === 0 || Number(digit) === Number(digits[at - 1]) + 1,
  )
  const area = Number(digits.slice(0, 3))
  if (isSequence || area === 0 || area === 666 || area >= 740) return false
  return Number(digits.slice(3, 5)) !== 0 && Number(digits.slice(5)) !== 0
}

/** Cadastro de Pessoas Físicas: two digits, each modulo 11 over all before it. */
export function isCpf(digits: string): boolean {
  if (!/^\d{11}$/.test(digits) || isRepeated(digits)) return false
  return [9, 10].every((length) => {
    const rest =
      weighted(
        digits,
        Array.from({ length }, (_, at) => length + 1 - at),
      ) % 11
    return Number(digits[length]) === (rest < 2 ? 0 : 11 - rest)
  })
}

/** Sozialversicherungsnummer: the fourth digit is a sum modulo 11. */
export function isSvnr(digits: string): boolean {
  if (!/^\d{10}$/.test(digits) || isRepeated(digits)) return false
  const rest = weighted(digits, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11
  return Number(digits[3]) === rest % 10
}

function weighted(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, at) => sum + weight * Number(digits[at]), 0)
}

function isRepeated(digits: string): boolean {
  return new Set(digits).size === 1
}
