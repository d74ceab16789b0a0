// The one face of regular expressions in rules. Whatever a client sends, the answer comes in time linear in its length:
// yes or no from an automaton, the groups from a simulation, and what is left from a backtracker with a limit.
import { Backtracker } from './backtracker.ts'
import { GroupFinder, type Slots } from './groups.ts'
import { LazyDfa } from './lazy-dfa.ts'
import { type PatternFlags, parsePattern } from './parse.ts'
import { compileProgram } from './program.ts'
import type { Syntax } from './syntax.ts'

export interface Pattern {
  test(value: string): boolean
  /** The first match at or after `from`, as a backtracking engine would find it; null when nothing matches. */
  exec(value: string, from?: number): PatternMatch | null
}

export interface PatternMatch {
  readonly index: number
  /** The whole match and groups 1 to 9, undefined where a group took no part. */
  readonly groups: readonly (string | undefined)[]
}

const groupLimit = 9
/** Some milliseconds for the groups of one match. Past it group 0 is told alone, with all that follows its beginning. */
const maxGroupSteps = 150_000
/**
 * Steps of the backtracker, some milliseconds and some more for long values. Past them a pattern counts as matching:
 * all that an automaton can say of it did match.
 */
const backtrackSteps = 300_000
const backtrackStepsPerByte = 8

/** Throws a PatternError for what is no pattern; everything else is put off until a value comes. */
export function compilePattern(source: string, flags: PatternFlags = {}): Pattern {
  parsePattern(source, flags)
  return new LazyPattern(() => parsePattern(source, flags))
}

/** Keeps nothing but the way to the syntax until it is first used: most patterns of a rule set never are. */
export class LazyPattern implements Pattern {
  readonly #parse: () => Syntax
  #matcher: Pattern | null = null

  constructor(parse: () => Syntax) {
    this.#parse = parse
  }

  test(value: string): boolean {
    this.#matcher ??= createMatcher(this.#parse())
    return this.#matcher.test(value)
  }

  exec(value: string, from = 0): PatternMatch | null {
    this.#matcher ??= createMatcher(this.#parse())
    return this.#matcher.exec(value, from)
  }
}

function createMatcher(syntax: Syntax): Pattern {
  const program = compileProgram(syntax)
  const dfa = new LazyDfa(program)
  return program.regular
    ? new RegularPattern(dfa, () => new GroupFinder(program, groupLimit))
    : new IrregularPattern(dfa, new Backtracker(program))
}

class RegularPattern implements Pattern {
  readonly #dfa: LazyDfa
  readonly #createGroups: () => GroupFinder
  #groups: GroupFinder | null = null

  constructor(dfa: LazyDfa, createGroups: () => GroupFinder) {
    this.#dfa = dfa
    this.#createGroups = createGroups
  }

  test(value: string): boolean {
    return this.#dfa.test(value)
  }

  exec(value: string, from = 0): PatternMatch | null {
    if (!this.#dfa.test(value, from)) return null
    const start = this.#dfa.resumePoint(value, from)
    this.#groups ??= this.#createGroups()
    const slots = this.#groups.find(value, start, maxGroupSteps)
    return slots === null ? { index: start, groups: [value.slice(start)] } : matchOf(value, slots)
  }
}

class IrregularPattern implements Pattern {
  readonly #dfa: LazyDfa
  readonly #backtracker: Backtracker

  constructor(dfa: LazyDfa, backtracker: Backtracker) {
    this.#dfa = dfa
    this.#backtracker = backtracker
  }

  test(value: string): boolean {
    return this.#dfa.test(value) && this.#find(value, 0) !== null
  }

  exec(value: string, from = 0): PatternMatch | null {
    if (!this.#dfa.test(value, from)) return null
    const found = this.#find(value, from)
    if (found === 'gave-up') return { index: from, groups: [value.slice(from)] }
    return found === null ? null : matchOf(value, found)
  }

  #find(value: string, from: number): Slots | null | 'gave-up' {
    return this.#backtracker.find(value, from, backtrackSteps + backtrackStepsPerByte * value.length)
  }
}

function matchOf(value: string, slots: Slots): PatternMatch {
  const groups: (string | undefined)[] = []
  for (let at = 0; at < slots.length && at < 2 * (groupLimit + 1); at += 2) {
    const [start, end] = [slots[at] as number, slots[at + 1] as number]
    groups.push(start === -1 || end === -1 ? undefined : value.slice(start, end))
  }
  return { index: slots[0] as number, groups }
}
