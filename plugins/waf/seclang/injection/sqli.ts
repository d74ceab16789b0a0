// @detectSQLi: does a value, put where queries have values, change the query? Worker and main thread; called by the
// operator. Byte strings in; never throws; time linear in the length.
import { fold, toShape } from './sql-fold.ts'
import { Reading } from './sql-reading.ts'
import type { Dialect } from './sql-scan.ts'
import { charClasses, nextMember } from './sql-scan.ts'
import { SqlTokeniser, type Surrounding } from './sql-tokeniser.ts'
import { isAttack } from './sql-verdict.ts'

/** The fingerprint (one letter for each folded token, see sql-token.ts) of the reading that is an attack, or null. */
export function detectSqli(input: string): string | null {
  if (isPlain(input)) return null
  return (
    inBothDialects(input, '') ??
    (input.includes("'") ? inBothDialects(input, "'") : null) ??
    // Only MySQL takes double quotes for strings.
    (input.includes('"') ? attackIn(read(input, '"', 'mysql')) : null)
  )
}

/** One word, one number, or nothing: no reading of it has the two tokens that the shortest attack has. */
function isPlain(input: string): boolean {
  return nextMember(input, charClasses.wordEnds, 0) === input.length && !/[.$`]|^\d/.test(input)
}

function inBothDialects(input: string, surrounding: Surrounding): string | null {
  const ansi = read(input, surrounding, 'ansi')
  const attack = attackIn(ansi)
  if (attack !== null || !ansi.differsByDialect) return attack
  return attackIn(read(input, surrounding, 'mysql'))
}

function attackIn(reading: Reading): string | null {
  return isAttack(reading) ? reading.shape : null
}

function read(input: string, surrounding: Surrounding, dialect: Dialect): Reading {
  const tokeniser = new SqlTokeniser(input, surrounding, dialect)
  const tokens = fold(tokeniser)
  const last = tokens.at(-1)
  // A backquote that nothing closes at the end works as a comment in MySQL.
  if (
    last !== undefined &&
    tokens.length > 2 &&
    last.type === 'n' &&
    last.open === '`' &&
    last.end === last.start
  )
    last.type = 'c'
  const shape = toShape(tokens)
  return new Reading(input, tokens, shape.includes('X') ? 'X' : shape, tokeniser)
}
