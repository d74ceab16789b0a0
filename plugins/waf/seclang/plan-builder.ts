// Rule set to plan. Works in steps, so that a caller can let go of the event loop in between. Called at load.

import { compileMacro, hasMacro, type Macro } from './macro.ts'
import type { Effect, Marker, Phase, Rule, RuleMatcher } from './model.ts'
import type { CompiledEffect, Group, Link, NumericTest, Plan, RulePlan, Source, SourceSet } from './plan.ts'
import { PrefilterBuilder } from './prefilter.ts'
import type { RuleSet } from './rule-set.ts'
import { type StoreName, storeNames } from './state.ts'
import { NameTable } from './store.ts'
import type { PatternCompiler, Target } from './targets.ts'
import { entryOf } from './text.ts'
import { pathOf, type TransformNode, TransformTree } from './transform-tree.ts'
import type { DynamicOperator, Operator, Transformation } from './types.ts'
import { variablesSettledIn } from './variables.ts'

export interface PlanEnv {
  readonly transformations: ReadonlyMap<string, Transformation>
  readonly triggers: ReadonlyMap<string, Uint8Array>
  readonly compile: PatternCompiler
  operatorOf(rule: Rule): Operator
  dynamicOperatorOf(rule: Rule): DynamicOperator
}

const phases: readonly Phase[] = [1, 2, 3, 4, 5]

export class PlanBuilder {
  readonly #env: PlanEnv
  readonly #set: RuleSet
  readonly #tree: TransformTree
  readonly #prefilter = new PrefilterBuilder()
  readonly #stores = Object.fromEntries(storeNames.map((name) => [name, new NameTable()])) as Record<
    StoreName,
    NameTable
  >
  readonly #sources = new Map<string, Source>()
  readonly #sets = new Map<string, SourceSet>()
  readonly #groups = new Map<string, Group>()
  readonly #indexOf = new Map<Rule, number>()
  readonly #rules: RulePlan[] = []

  constructor(set: RuleSet, env: PlanEnv) {
    this.#set = set
    this.#env = env
    this.#tree = new TransformTree(env.transformations, env.triggers)
    for (const item of set.items) if (!isMarker(item)) this.#indexOf.set(item, this.#indexOf.size)
  }

  /** Yields after each piece of work of a few milliseconds at most. */
  *build(): Generator<void, Plan> {
    const byPhase: RulePlan[][] = [[]]
    const jumps = new Map<Rule, number>()
    for (const phase of phases) byPhase[phase] = yield* this.#buildPhase(phase, jumps)
    yield
    const captureSlots = Array.from({ length: 10 }, (_, group) => this.#stores.TX.slotOf(String(group)))
    const sources = [...this.#sources.values()]
    const relevant = this.#set.settings.auditRelevantStatus
    return {
      settings: this.#set.settings,
      phases: byPhase,
      rules: this.#rules.sort((a, b) => a.index - b.index),
      sources,
      groups: [...this.#groups.values()],
      setCount: this.#sets.size,
      slotsOfSource: sources.map((source) => this.#matchingSlots(source)),
      prefilter: this.#prefilter.build(),
      scanTriggers: this.#tree.scan(),
      stores: this.#stores,
      relevantStatus: relevant === null ? null : this.#env.compile(relevant),
      settledIn: [0, ...phases].map((phase) => ({
        sources: sources.filter(({ variable }) => variable.settled === phase).map(({ index }) => index),
        variables: variablesSettledIn(phase),
      })),
      captureSlots,
    }
  }

  *#buildPhase(phase: Phase, jumps: Map<Rule, number>): Generator<void, RulePlan[]> {
    const rules = this.#set.items.filter((item): item is Rule => !isMarker(item) && item.phase === phase)
    this.#findJumps(phase, jumps)
    const plans: RulePlan[] = []
    for (const rule of rules) {
      const index = this.#indexOf.get(rule) as number
      const plan = { index, rule, head: this.#link(rule, index), skipTo: jumps.get(rule) ?? -1 }
      plans.push(plan)
      this.#rules.push(plan)
      yield
    }
    return plans
  }

  /** skipAfter leads to the next marker of that name; without one, and for skip past the end, to the end of the phase. */
  #findJumps(phase: Phase, jumps: Map<Rule, number>): void {
    const { items } = this.#set
    let position = items.filter((item) => !isMarker(item) && item.phase === phase).length
    const end = position
    const markers = new Map<string, number>()
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i] as Rule | Marker
      if (isMarker(item)) markers.set(item.marker, position)
      else if (item.phase === phase) {
        if (item.skipAfter !== null) jumps.set(item, markers.get(item.skipAfter) ?? end)
        else if (item.skip > 0) jumps.set(item, Math.min(end, position + item.skip))
        position--
      }
    }
  }

  #link(rule: Rule, ruleIndex: number): Link {
    const sources = rule.targets?.included.map((target) => this.#source(target)) ?? []
    const node = this.#tree.node(rule.transformations)
    const path = rule.multiMatch ? pathOf(node) : null
    const operation = this.#operation(rule)
    const fixed = operation.operator !== null && sources.every((source) => source.stable && !source.count)
    return {
      rule,
      ruleIndex,
      sources,
      excluded: rule.targets?.excluded ?? [],
      node,
      path,
      operator: operation.operator,
      dynamic: operation.dynamic,
      negated: operation.negated,
      numeric: path === null ? numericTest(rule, sources) : null,
      bit: fixed ? this.#prefilter.add(operation.operator as Operator, operation.negated) : -1,
      group: fixed ? this.#group(sources, path ?? [node]) : null,
      effects: rule.effects.map((effect) => this.#effect(effect)),
      next: rule.chained === null ? null : this.#link(rule.chained, ruleIndex),
    }
  }

  #operation(rule: Rule): Pick<Link, 'operator' | 'dynamic' | 'negated'> {
    const text = rule.operator
    if (text === null) return { operator: null, dynamic: null, negated: false }
    const { negated } = text
    if (hasMacro(text.argument)) {
      const argument = this.#withSlots(compileMacro(text.argument))
      return {
        operator: null,
        dynamic: { run: this.#env.dynamicOperatorOf(rule), argument },
        negated,
      }
    }
    return { operator: this.#env.operatorOf(rule), dynamic: null, negated }
  }

  #source(target: Target): Source {
    const { variable, selector, count } = target
    const key = `${count ? '&' : ''}${variable.name}:${selector?.key ?? selector?.source ?? ''}`
    const known = this.#sources.get(key)
    if (known !== undefined) return known
    const named = variable.store !== null && selector !== null && selector.key !== null
    const source: Source = {
      index: this.#sources.size,
      variable,
      selector,
      count,
      stable: variable.settled !== 'volatile',
      slot: named ? this.#stores[variable.store as StoreName].slotOf(selector.key as string) : -1,
      name: `${count ? '&' : ''}${variable.name}${selector?.key ? `:${selector.source}` : ''}`,
    }
    this.#sources.set(key, source)
    return source
  }

  #group(sources: readonly Source[], nodes: readonly TransformNode[]): Group {
    const set = this.#sourceSet(sources)
    const key = `${set.index} ${nodes.map((node) => node.id).join()}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const group = { index: this.#groups.size, set, nodes }
    this.#groups.set(key, group)
    return group
  }

  #sourceSet(sources: readonly Source[]): SourceSet {
    const key = [...new Set(sources.map((source) => source.index))].sort((a, b) => a - b).join()
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    const set = { index: this.#sets.size, sources }
    this.#sets.set(key, set)
    return set
  }

  /** The names that rules spell out are known now; only those that macros make are matched in transactions. */
  #matchingSlots({ variable, selector }: Source): number[] | undefined {
    if (variable.store === null || selector === null || selector.key !== null) return undefined
    const { names } = this.#stores[variable.store]
    return [...names.keys()].filter((slot) => selector.matches(entryOf(names[slot] as string, '')))
  }

  #effect(effect: Effect): CompiledEffect {
    if (effect.kind === 'setvar') {
      const slot = effect.name.parts === null ? this.#stores[effect.store].slotOf(effect.name.text) : -1
      const value = effect.value === null ? null : this.#withSlots(effect.value)
      return { kind: 'setvar', effect: { ...effect, name: this.#withSlots(effect.name), value }, slot }
    }
    if (effect.kind === 'removeRules') return { kind: 'removeRules', rules: this.#matching(effect.rules) }
    if (effect.kind !== 'removeTargets') return effect
    const rules = new Uint8Array(this.#indexOf.size)
    for (const index of this.#matching(effect.rules)) rules[index] = 1
    return { kind: 'removeTargets', removal: { rules, targets: effect.targets.included } }
  }

  /** Macros that name a member of TX read it by its slot. */
  #withSlots(macro: Macro): Macro {
    if (macro.parts === null) return macro
    const parts = macro.parts.map((part) => {
      if (typeof part === 'string' || part.variable.store === null || part.key === null) return part
      return { ...part, slot: this.#stores[part.variable.store].slotOf(part.key) }
    })
    return { text: macro.text, parts }
  }

  #matching(matches: RuleMatcher): number[] {
    const found: number[] = []
    for (const [rule, index] of this.#indexOf) if (matches(rule)) found.push(index)
    return found
  }
}

const comparisons: Readonly<Record<string, Pick<NumericTest, 'below' | 'above' | 'equal'>>> = {
  eq: { below: false, above: false, equal: true },
  ge: { below: false, above: true, equal: true },
  gt: { below: false, above: true, equal: false },
  le: { below: true, above: false, equal: true },
  lt: { below: true, above: false, equal: false },
}

function numericTest(rule: Rule, sources: readonly Source[]): NumericTest | null {
  const [source] = sources
  if (rule.operator === null || source === undefined || sources.length > 1) return null
  if (rule.transformations.length > 0 || source.variable.store !== 'TX' || source.slot === -1 || source.count)
    return null
  const comparison = comparisons[rule.operator.name]
  if (comparison === undefined || !/^-?\d{1,9}$/.test(rule.operator.argument)) return null
  return { slot: source.slot, number: Number(rule.operator.argument), ...comparison }
}

function isMarker(item: Rule | Marker): item is Marker {
  return 'marker' in item
}
