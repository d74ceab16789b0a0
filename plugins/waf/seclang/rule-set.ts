// Rule files to a rule set: directives in order, includes, removals and updates. All problems are collected. Called at load.

import { type Directive, readDirectives } from './lexer.ts'
import type { Marker, Phase, Rule, RuleMatcher } from './model.ts'
import { neverMatching } from './operators/create.ts'
import { messageOf, type Place, type SecLangProblem } from './problem.ts'
import { matchId, matchMessage, matchTag } from './rule-matcher.ts'
import {
  builtInDefaults,
  type DefaultActions,
  type Link,
  parseDefaults,
  parseLink,
  type RuleEnv,
  toRule,
} from './rule-parser.ts'
import { updateActions, updateTargets } from './rule-updates.ts'
import { createSettings, notedDirectives, type Settings, settingDirectives } from './settings.ts'

export interface RuleText {
  readonly file: string
  /** latin1: a character for each byte. */
  readonly text: string
}

export interface RuleSet {
  /** In the order of the files. */
  readonly items: readonly (Rule | Marker)[]
  readonly settings: Readonly<Settings>
  /** Directives that are accepted though they change nothing, with the reason. */
  readonly notes: readonly SecLangProblem[]
}

export interface RuleSetEnv extends Pick<RuleEnv, 'compile' | 'isTransformation'> {
  /** The files that an Include in `from` means, in alphabetical order; throws an error when there is none. */
  include(pattern: string, from: string): readonly RuleText[]
  /** Throws an error when the operator or its argument is wrong; files are beside `file`. */
  checkOperator(operator: { readonly name: string; readonly argument: string }, file: string): void
}

const includeDepth = 10

export class RuleSetParser {
  readonly problems: SecLangProblem[] = []
  readonly #env: RuleSetEnv
  readonly #settings = createSettings()
  readonly #notes: SecLangProblem[] = []
  readonly #defaults = new Map<Phase, DefaultActions>()
  readonly #ids = new Map<number, Place>()
  #items: (Rule | Marker)[] = []
  #chain: Link[] = []
  #skipChain = false

  constructor(env: RuleSetEnv) {
    this.#env = env
  }

  /** Reads a file's text, yielding after each directive. Chains may not reach over the end of a file. */
  *read(source: RuleText, depth = 0): Generator<void, void> {
    for (const directive of readDirectives(source.text, source.file, this.problems)) {
      if (directive.name.toLowerCase() === 'include') yield* this.#include(directive, depth)
      else this.#guard(directive, () => this.#take(directive))
      yield
    }
    const open = this.#chain[0]
    if (open === undefined) return
    this.#problem(open.directive, 'the chain is not closed: its last rule says chain')
    this.#chain = []
  }

  finish(): RuleSet {
    return { items: this.#items, settings: this.#settings, notes: this.#notes }
  }

  #guard(place: Place, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#problem(place, messageOf(error))
    }
  }

  #problem({ file, line }: Place, message: string): void {
    this.problems.push({ file, line, message })
  }

  #take(directive: Directive): void {
    const name = directive.name.toLowerCase()
    if (name === 'secrule' || name === 'secaction') {
      this.#takeLink(directive)
      return
    }
    if (this.#chain.length > 0) {
      this.#chain = []
      throw new Error(`${directive.name} stands inside a chain: the rule before it says chain`)
    }
    const apply = settingDirectives[name]
    if (apply !== undefined) apply(this.#settings, directive.words)
    else if (notedDirectives[name] !== undefined) this.#note(directive, notedDirectives[name])
    else this.#change(name, directive)
  }

  #takeLink(directive: Directive): void {
    const env = this.#ruleEnv(directive)
    let link: Link
    try {
      link = parseLink(directive, env)
    } catch (error) {
      // The rest of a chain with a broken link would be read as rules without ids: one cause, one problem.
      this.#chain = []
      this.#skipChain = /(?:^|[,\s])chain\s*(?:,|$)/.test(directive.words.at(-1) ?? '')
      throw error
    }
    if (this.#skipChain) {
      this.#skipChain = link.draft.chain
      return
    }
    this.#chain.push(link)
    if (link.draft.chain) return
    const links = this.#chain
    this.#chain = []
    const rule = toRule(links, env)
    this.#checkId(rule)
    this.#items.push(rule)
  }

  #ruleEnv(directive: Directive): RuleEnv {
    return {
      ...this.#env,
      compile: this.#env.compile,
      isTransformation: (name) => this.#env.isTransformation(name),
      checkOperator: (operator) => this.#env.checkOperator(operator, directive.file),
      defaultsOf: (phase) => this.#defaults.get(phase) ?? builtInDefaults,
    }
  }

  #checkId(rule: Rule): void {
    const earlier = this.#ids.get(rule.id)
    if (earlier !== undefined)
      throw new Error(`rule ${rule.id} is there already: ${earlier.file}:${earlier.line}`)
    this.#ids.set(rule.id, rule)
    for (let link: Rule | null = rule; link !== null; link = link.chained) {
      const note = noteOn(link)
      if (note !== null) this.#note(link, `rule ${rule.id}: ${note}`)
    }
  }

  #note({ file, line }: Place, message: string): void {
    this.#notes.push({ file, line, message })
  }

  *#include(directive: Directive, depth: number): Generator<void, void> {
    const sources: RuleText[] = []
    this.#guard(directive, () => {
      const [pattern] = directive.words
      if (pattern === undefined || directive.words.length > 1) throw new Error('Include takes one path')
      if (depth >= includeDepth) throw new Error(`Include is nested deeper than ${includeDepth} files`)
      sources.push(...this.#env.include(pattern, directive.file))
    })
    for (const source of sources) yield* this.read(source, depth + 1)
  }

  #change(name: string, { words, file, line, ...directive }: Directive): void {
    const { compile } = this.#env
    const [first = '', second = '', third] = words
    if (name === 'secmarker') this.#items.push({ marker: first, file, line })
    else if (name === 'secdefaultaction') this.#setDefaults(first)
    else if (name === 'secruleremovebyid') this.#remove(matchId(words.join(' ')))
    else if (name === 'secruleremovebytag') this.#remove(matchTag(first, compile))
    else if (name === 'secruleremovebymsg') this.#remove(matchMessage(first, compile))
    else if (name === 'secruleupdatetargetbyid') this.#updateTargets(matchId(first), second, third)
    else if (name === 'secruleupdatetargetbytag') this.#updateTargets(matchTag(first, compile), second, third)
    else if (name === 'secruleupdatetargetbymsg')
      this.#updateTargets(matchMessage(first, compile), second, third)
    else if (name === 'secruleupdateactionbyid') this.#updateActions(first, second, { file, line })
    else throw new Error(`${directive.name} is no directive of this engine`)
  }

  #setDefaults(text: string): void {
    const [phase, defaults] = parseDefaults(text, this.#env)
    this.#defaults.set(phase, defaults)
  }

  #remove(matches: RuleMatcher): void {
    this.#items = this.#items.filter((item) => 'marker' in item || !matches(item))
  }

  #updateTargets(matches: RuleMatcher, targets: string, replaced: string | undefined): void {
    this.#replace(matches, (rule) => updateTargets(rule, targets, replaced ?? null, this.#env.compile))
  }

  #updateActions(ids: string, actions: string, place: Place): void {
    const env = this.#ruleEnv({ ...place, name: '', words: [] })
    this.#replace(matchId(ids), (rule) => updateActions(rule, actions, env))
  }

  #replace(matches: RuleMatcher, update: (rule: Rule) => Rule): void {
    this.#items = this.#items.map((item) => ('marker' in item || !matches(item) ? item : update(item)))
  }
}

/** What a rule asks for and does not get. */
function noteOn(rule: Rule): string | null {
  const operator = rule.operator?.name
  const reason = operator === undefined ? undefined : neverMatching.get(operator)
  if (reason !== undefined) return `@${operator} never matches: ${reason}`
  for (const effect of rule.effects) {
    if (effect.kind === 'setvar' && effect.store !== 'TX' && effect.store !== 'ENV') {
      return `${effect.store} is kept for one transaction only`
    }
  }
  return null
}
