// Operators of rules by name. An operator that needs what a gateway does not have is refused by name, with the reason.
import { detectSqli } from '../injection/sqli.ts'
import { detectXss } from '../injection/xss.ts'
import type { DynamicOperator, Operator, OperatorContext, OperatorEnv } from '../types.ts'
import { addressesOf, addressesOfFile, createAddressTest } from './addresses.ts'
import { createCheckedOperator, isCardNumber, isCpf, isSocialSecurityNumber, isSvnr } from './check-digits.ts'
import { hintOfLiteral, hintOfMask } from './hints.ts'
import { numberComparisons, numberOf } from './numbers.ts'
import { createDynamicPattern, GlobalPatternOperator, PatternOperator } from './patterns.ts'
import { PhraseOperator, phrasesOf, phrasesOfFile } from './phrases.ts'
import {
  beginsWith,
  type Comparison,
  contains,
  containsWord,
  endsWith,
  isEqual,
  isWithin,
} from './strings.ts'
import { bytesOutside, hasBrokenPercent, hasBrokenUtf8, holdsByteOf } from './validations.ts'

type Factory = (argument: string, env: OperatorEnv) => Operator

/** True: the argument is in every value that matches. */
const stringComparisons: ReadonlyMap<string, readonly [compare: Comparison, isLiteral: boolean]> = new Map([
  ['beginswith', [beginsWith, true]],
  ['contains', [contains, true]],
  ['containsword', [containsWord, true]],
  ['endswith', [endsWith, true]],
  ['streq', [isEqual, true]],
  ['strmatch', [contains, true]],
  ['within', [isWithin, false]],
])

const factories: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ['detectsqli', () => sqliOperator],
  ['detectxss', () => ({ hint: null, evaluate: (value) => detectXss(value) })],
  ['ipmatch', (argument) => createAddressOperator(addressesOf(argument))],
  ['ipmatchf', (argument, env) => createAddressOperator(addressesOfFile(env.readFile(argument)))],
  ['ipmatchfromfile', (argument, env) => createAddressOperator(addressesOfFile(env.readFile(argument)))],
  ['nomatch', () => ({ hint: null, evaluate: () => false })],
  ['pm', (argument) => new PhraseOperator(phrasesOf(argument))],
  ['pmf', (argument, env) => new PhraseOperator(phrasesOfFiles(argument, env))],
  ['pmfromfile', (argument, env) => new PhraseOperator(phrasesOfFiles(argument, env))],
  ['rx', (argument) => new PatternOperator(argument)],
  ['rxglobal', (argument) => new GlobalPatternOperator(argument)],
  ['unconditionalmatch', () => ({ hint: null, evaluate: () => true })],
  ['validatebyterange', createByteRangeOperator],
  ['validateurlencoding', () => ({ hint: hintOfMask(onlyByte('%')), evaluate: hasBrokenPercent })],
  ['validateutf8encoding', () => ({ hint: hintOfMask(highBytes()), evaluate: hasBrokenUtf8 })],
  ['verifycc', (argument) => createCheckedOperator(argument, isCardNumber)],
  ['verifycpf', (argument) => createCheckedOperator(argument, isCpf)],
  ['verifyssn', (argument) => createCheckedOperator(argument, isSocialSecurityNumber)],
  ['verifysvnr', (argument) => createCheckedOperator(argument, isSvnr)],
])

/**
 * Operators that CRS 3.3 names in rules which are off unless its set-up turns them on. They load, never match, and are
 * named in the notes of the rule set with this reason.
 */
export const neverMatching: ReadonlyMap<string, string> = new Map([
  ['geolookup', 'there is no database of places; decide by country in front of the gateway'],
  ['rbl', 'a request does not wait for a look-up elsewhere; use the plugin ip-restriction'],
])

const refused: ReadonlyMap<string, string> = new Map([
  ['fuzzyhash', 'there is no ssdeep here'],
  ['gsblookup', 'a request does not wait for a look-up elsewhere'],
  ['inspectfile', 'rules do not run programs'],
  ['rsub', 'rules do not change requests'],
  ['validatedtd', 'XML is not validated'],
  ['validatehash', 'links are not signed'],
  ['validateschema', 'XML is not validated'],
])

/** An operator whose argument is known. Throws an Error that says what is wrong with name or argument. */
export function createOperator(name: string, argument: string, env: OperatorEnv): Operator {
  const key = name.toLowerCase()
  if (neverMatching.has(key)) return { hint: null, evaluate: () => false }
  const factory = factories.get(key)
  if (factory !== undefined) return named(name, () => factory(argument, env))
  const compareStrings = stringComparisons.get(key)
  if (compareStrings !== undefined) return createStringOperator(...compareStrings, argument)
  const compareNumbers = numberComparisons[key]
  if (compareNumbers === undefined) throw unknownOperator(name)
  const number = numberOf(argument)
  return { hint: null, evaluate: (value) => compareNumbers(numberOf(value), number) }
}

/** An operator whose argument holds macros and comes with each value. */
export function createDynamicOperator(name: string): DynamicOperator {
  const key = name.toLowerCase()
  const compareStrings = stringComparisons.get(key)?.[0]
  if (compareStrings !== undefined) return (value, argument) => compareStrings(value, argument)
  const compareNumbers = numberComparisons[key]
  if (compareNumbers !== undefined)
    return (value, argument) => compareNumbers(numberOf(value), numberOf(argument))
  if (key === 'rx') return createDynamicPattern()
  if (neverMatching.has(key)) return () => false
  throw refused.has(key) || !factories.has(key)
    ? unknownOperator(name)
    : new Error(`@${name} takes no macros: its argument is read when the rules are loaded`)
}

function createStringOperator(compare: Comparison, isLiteral: boolean, argument: string): Operator {
  return { hint: isLiteral ? hintOfLiteral(argument) : null, evaluate: (value) => compare(value, argument) }
}

function createAddressOperator(entries: readonly string[]): Operator {
  const test = createAddressTest(entries)
  return { hint: null, evaluate: (value) => test(value) }
}

function createByteRangeOperator(ranges: string): Operator {
  const outside = bytesOutside(ranges)
  return { hint: hintOfMask(outside), evaluate: (value) => holdsByteOf(value, outside) }
}

/** TX:0 is the fingerprint, as in ModSecurity. */
const sqliOperator: Operator = {
  hint: null,
  evaluate(value: string, context: OperatorContext): boolean {
    const fingerprint = detectSqli(value)
    if (fingerprint !== null && context.capturing) context.capture(0, fingerprint)
    return fingerprint !== null
  },
}

/** Several files may be named, between spaces. */
function phrasesOfFiles(names: string, env: OperatorEnv): string[] {
  return names.split(/\s+/).flatMap((name) => (name === '' ? [] : phrasesOfFile(env.readFile(name))))
}

function onlyByte(char: string): Uint8Array {
  return new Uint8Array(256).fill(1, char.charCodeAt(0), char.charCodeAt(0) + 1)
}

function highBytes(): Uint8Array {
  return new Uint8Array(256).fill(1, 128)
}

function named(name: string, create: () => Operator): Operator {
  try {
    return create()
  } catch (error) {
    throw new Error(`@${name}: ${(error as Error).message}`, { cause: error })
  }
}

function unknownOperator(name: string): Error {
  const reason = refused.get(name.toLowerCase())
  return new Error(
    reason === undefined ? `there is no operator @${name}` : `@${name} is not supported: ${reason}`,
  )
}
