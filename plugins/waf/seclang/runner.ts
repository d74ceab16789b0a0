// Runs the rules of a phase over a transaction: targets, operators, chains, jumps, and what a match does. The hot path.

import type { Budget } from './budget.ts'
import type { Controls, TargetRemoval } from './controls.ts'
import { applyEffect } from './effect-runner.ts'
import { expandMacro, type Macro, type MacroScope } from './macro.ts'
import { type Interruption, interruptionOf, type RuleMatch, toMatch } from './match.ts'
import type { Link, NumericTest, Plan, RulePlan, Source } from './plan.ts'
import type { State, StoreName } from './state.ts'
import type { Target } from './targets.ts'
import { Entry, entryOf, Text } from './text.ts'
import { type TransformNode, transformValue } from './transform-tree.ts'
import type { OperatorContext } from './types.ts'
import { Values } from './values.ts'
import type { Reading } from './variables.ts'

/** Groups captured by the operator at work. */
class Capture implements OperatorContext {
  capturing = false
  readonly groups: (string | undefined)[] = new Array(10)

  capture(group: number, value: string): void {
    if (group >= 0 && group < 10) this.groups[group] = value
  }
}

export class RuleRunner implements MacroScope {
  readonly matches: RuleMatch[] = []
  interruption: Interruption | null = null
  readonly plan: Plan
  readonly state: State
  readonly controls: Controls
  readonly #values: Values
  readonly #capture = new Capture()
  readonly #budget: Budget
  readonly #hits: Float64Array
  #matchedNow: Entry[] | null = null
  #allowUntil = 0

  constructor(plan: Plan, state: State, controls: Controls, budget: Budget, hits: Float64Array) {
    this.plan = plan
    this.state = state
    this.controls = controls
    this.#budget = budget
    this.#hits = hits
    this.#values = new Values(plan, state, budget)
  }

  /** Stops at the rule that interrupts the transaction; phase 5 runs whatever happened before. */
  runPhase(phase: number): void {
    if (
      this.controls.mode === 'Off' ||
      (phase < 5 && (this.interruption !== null || phase <= this.#allowUntil))
    )
      return
    this.#values.enter(phase)
    const rules = this.plan.phases[phase] as readonly RulePlan[]
    let at = 0
    while (at < rules.length) {
      const plan = rules[at] as RulePlan
      at++
      if (!this.#matchesRule(plan)) continue
      if (plan.skipTo !== -1) at = plan.skipTo
      if (this.#act(plan, phase)) return
    }
  }

  readFirst(reading: Reading): string {
    const { variable, key, slot } = reading
    if (slot !== -1) return this.state.store(variable.store as StoreName).at(slot) ?? ''
    if (variable.store !== null) return key === null ? '' : (this.state.store(variable.store).get(key) ?? '')
    const entries = this.#values.ofVariable(variable)
    const entry = key === null ? entries[0] : entries.find((candidate) => candidate.folded === key)
    return entry?.text.value ?? ''
  }

  #matchesRule(plan: RulePlan): boolean {
    const { head } = plan
    // When the time is used up only rules over TX and the like still run: they judge what was found until then.
    if (head.bit !== -1 && this.#budget.spent) return false
    if (head.bit !== -1 && !this.#values.mayMatch(head.group as NonNullable<Link['group']>, head.bit))
      return false
    if (this.controls.isRemoved(plan.index)) return false
    this.state.rule = plan.rule
    for (let link: Link | null = head; link !== null; link = link.next) {
      if (!this.#matchesLink(link)) return false
    }
    return true
  }

  /** What the whole rule does once every link has matched. True: this phase is over. */
  #act(plan: RulePlan, phase: number): boolean {
    const { rule } = plan
    this.#hits[plan.index] = (this.#hits[plan.index] as number) + 1
    const enforced = this.controls.mode === 'On'
    if (rule.severity !== null && rule.severity < this.state.highestSeverity)
      this.state.highestSeverity = rule.severity
    if (rule.log || rule.auditLog) this.matches.push(toMatch(rule, this, this.state))
    if (this.controls.mode === 'Off') return true
    const { disruption } = rule
    if (!enforced || disruption.kind === 'pass') return false
    if (disruption.kind === 'allow') {
      this.#allowUntil = disruption.scope === 'all' ? 4 : disruption.scope === 'request' ? 2 : phase
      return true
    }
    this.interruption ??= interruptionOf(rule, this)
    return true
  }

  #matchesLink(link: Link): boolean {
    const { sources } = link
    if (link.operator === null && link.dynamic === null) {
      this.#runEffects(link)
      return true
    }
    if (link.numeric !== null) return this.#matchesNumber(link, link.numeric)
    this.#matchedNow = null
    const removals = this.controls.removalsFor(link.ruleIndex)
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i] as Source
      if (source.count) this.#testCount(link, source)
      else if (source.stable) this.#testStable(link, source, removals)
      else this.#testVolatile(link, source)
    }
    const matched = this.#matchedNow as Entry[] | null
    if (matched === null) return false
    this.state.matched = matched
    return true
  }

  /** The commonest rule of all: a member of TX against a number. */
  #matchesNumber(link: Link, test: NumericTest): boolean {
    const value = this.state.tx.at(test.slot)
    if (value === undefined) return false
    const difference = toNumber(value) - test.number
    const found = difference < 0 ? test.below : difference > 0 ? test.above : test.equal
    if (found === link.negated) return false
    this.#matchedNow = null
    this.#onMatch(link, (link.sources[0] as Source).name, new Text(value))
    this.state.matched = this.#matchedNow as unknown as Entry[]
    return true
  }

  #testCount(link: Link, source: Source): void {
    const { variable, slot } = source
    let count: number
    if (slot !== -1) count = this.state.store(variable.store as StoreName).at(slot) === undefined ? 0 : 1
    else if (source.stable) count = this.#values.of(source).length
    else count = this.#volatileEntries(source).length
    this.#testValue(link, source.name, transformValue(String(count), link.node))
  }

  #testStable(link: Link, source: Source, removals: readonly TargetRemoval[] | null): void {
    const entries = this.#values.of(source)
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry
      if (link.path !== null) this.#testPath(link, source, entry, removals)
      else {
        const text = this.#values.transformed(entry.text, link.node)
        if (link.bit !== -1 && !this.#values.canMatch(text, link.bit)) continue
        if (isLeftOut(link, source, entry, removals)) continue
        this.#testText(link, source, entry, text)
      }
      if (this.#budget.spent) return
    }
  }

  /** multiMatch: the value as it came and after every transformation that changed it. */
  #testPath(link: Link, source: Source, entry: Entry, removals: readonly TargetRemoval[] | null): void {
    if (isLeftOut(link, source, entry, removals)) return
    let last: Text | null = null
    for (const node of link.path as readonly TransformNode[]) {
      const text = this.#values.transformed(entry.text, node)
      if (text === last) continue
      last = text
      if (link.bit !== -1 && !this.#values.canMatch(text, link.bit)) continue
      this.#testText(link, source, entry, text)
      if (this.#budget.spent) return
    }
  }

  #testText(link: Link, source: Source, entry: Entry, text: Text): void {
    if (this.#budget.spend(text.value.length)) return
    if (!this.#evaluate(link, text.value)) {
      if (text.kept && link.bit !== -1) text.refute(link.bit, this.plan.prefilter.none)
      return
    }
    this.#onMatch(
      link,
      entry.key === '' ? source.variable.name : `${source.variable.name}:${entry.key}`,
      text,
    )
  }

  #testVolatile(link: Link, source: Source): void {
    const { variable, slot } = source
    if (slot !== -1) {
      const value = this.state.store(variable.store as StoreName).at(slot)
      if (value !== undefined) this.#testValue(link, source.name, transformValue(value, link.node))
      return
    }
    const plain = variable.name.startsWith('MATCHED_')
    for (const entry of this.#volatileEntries(source)) {
      if (isExcluded(source, entry, link.excluded)) continue
      const name = entry.key === '' ? variable.name : plain ? entry.key : `${variable.name}:${entry.key}`
      this.#testValue(link, name, transformValue(entry.text.value, link.node))
    }
  }

  #volatileEntries(source: Source): readonly Entry[] {
    const { variable, selector } = source
    const slots = this.plan.slotsOfSource[source.index]
    if (slots === undefined || selector === null) {
      const entries = this.#values.ofVariable(variable)
      return selector === null ? entries : entries.filter((entry) => selector.matches(entry))
    }
    const store = this.state.store(variable.store as StoreName)
    const entries: Entry[] = []
    for (const slot of slots) {
      const value = store.at(slot)
      if (value !== undefined) entries.push(entryOf(store.nameAt(slot), value))
    }
    store.eachOther((name, value) => {
      const entry = entryOf(name, value)
      if (selector.matches(entry)) entries.push(entry)
    })
    return entries
  }

  #testValue(link: Link, name: string, value: string): void {
    if (this.#evaluate(link, value)) this.#onMatch(link, name, new Text(value))
  }

  #evaluate(link: Link, value: string): boolean {
    const capture = this.#capture
    capture.capturing = link.rule.capture
    const found =
      link.operator !== null
        ? link.operator.evaluate(value, capture)
        : (link.dynamic as NonNullable<Link['dynamic']>).run(value, this.#argument(link), capture)
    return found !== link.negated
  }

  #argument(link: Link): string {
    return expandMacro((link.dynamic as NonNullable<Link['dynamic']>).argument, this)
  }

  #onMatch(link: Link, name: string, text: Text): void {
    const { state } = this
    state.matchedVariable = text.value
    state.matchedVariableName = name
    const entry = new Entry(name, text)
    if (this.#matchedNow === null) this.#matchedNow = [entry]
    else this.#matchedNow.push(entry)
    if (link.rule.capture) this.#keepCaptures()
    this.#runEffects(link)
  }

  #keepCaptures(): void {
    const { groups } = this.#capture
    const slots = this.plan.captureSlots
    for (let group = 0; group < 10; group++) {
      this.state.tx.setAt(slots[group] as number, groups[group])
      groups[group] = undefined
    }
  }

  #runEffects(link: Link): void {
    const { effects } = link
    for (let i = 0; i < effects.length; i++) applyEffect(effects[i] as Link['effects'][number], this)
  }

  expand(macro: Macro): string {
    return expandMacro(macro, this)
  }
}

/** As C's atoi. Most numbers in TX have one digit. */
function toNumber(value: string): number {
  if (value.length === 1) {
    const digit = value.charCodeAt(0) - 48
    return digit >= 0 && digit <= 9 ? digit : 0
  }
  return Number.parseInt(value, 10) || 0
}

function isLeftOut(
  link: Link,
  source: Source,
  entry: Entry,
  removals: readonly TargetRemoval[] | null,
): boolean {
  if (isExcluded(source, entry, link.excluded)) return true
  if (removals === null) return false
  return removals.some(
    ({ rules, targets }) => rules[link.ruleIndex] === 1 && isExcluded(source, entry, targets),
  )
}

function isExcluded(source: Source, entry: Entry, excluded: readonly Target[]): boolean {
  for (let i = 0; i < excluded.length; i++) {
    const target = excluded[i] as Target
    if (target.variable === source.variable && (target.selector === null || target.selector.matches(entry)))
      return true
  }
  return false
}
