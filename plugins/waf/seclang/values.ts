// The values that rules look at, gathered and analysed once for each transaction and phase.

import type { Budget } from './budget.ts'
import { type Candidates, CandidateUnion } from './candidates.ts'
import type { Group, Plan, Source, SourceSet } from './plan.ts'
import type { Prefilter } from './prefilter.ts'
import type { State } from './state.ts'
import type { Entry, Text } from './text.ts'
import { type TransformNode, transformed } from './transform-tree.ts'
import type { Variable } from './variables.ts'

/** Values of a source on which the same transformations may act. */
interface TextClass {
  readonly triggers: number
  readonly texts: Text[]
  /** Of their candidates, as they came; null: not wanted yet. */
  union: Int32Array | null
}

/** What is known of a source in this phase. */
class SourceValues {
  readonly entries: readonly Entry[]
  classes: readonly TextClass[] | null = null
  /** By the id of a transformation node. */
  readonly unions: (Int32Array | undefined)[] = []

  constructor(entries: readonly Entry[]) {
    this.entries = entries
  }
}

export class Values {
  readonly #plan: Plan
  readonly #prefilter: Prefilter
  readonly #state: State
  readonly #budget: Budget
  readonly #byVariable: (readonly Entry[] | undefined)[] = []
  readonly #bySource: (SourceValues | undefined)[]
  /** By group: a bit set of the rules that can match any of its values. */
  #unions: (Int32Array | undefined)[] = []
  /** By source set: those of its sources that have a value. */
  #present: (readonly SourceValues[] | undefined)[] = []
  readonly #scan: (text: Text) => number

  constructor(plan: Plan, state: State, budget: Budget) {
    this.#plan = plan
    this.#prefilter = plan.prefilter
    this.#state = state
    this.#budget = budget
    this.#bySource = new Array(plan.sources.length)
    this.#scan = plan.scanTriggers
  }

  /** Forgets what the beginning phase brings anew. */
  enter(phase: number): void {
    const { sources, variables } = this.#plan.settledIn[phase] as Plan['settledIn'][number]
    for (const index of sources) this.#bySource[index] = undefined
    for (const index of variables) this.#byVariable[index] = undefined
    this.#unions = new Array(this.#plan.groups.length)
    this.#present = new Array(this.#plan.setCount)
  }

  /** The members of a stable source. */
  of(source: Source): readonly Entry[] {
    return this.#valuesOf(source).entries
  }

  ofVariable(variable: Variable): readonly Entry[] {
    if (variable.settled === 'volatile') return variable.read(this.#state)
    const known = this.#byVariable[variable.id]
    if (known !== undefined) return known
    const entries = variable.read(this.#state)
    this.#byVariable[variable.id] = entries
    return entries
  }

  transformed(text: Text, node: TransformNode): Text {
    return transformed(text, node, this.#scan)
  }

  /** False when no value of the group can match the rule with that bit. */
  mayMatch(group: Group, bit: number): boolean {
    const union = this.#unions[group.index] ?? this.#unite(group)
    return ((union[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
  }

  canMatch(text: Text, bit: number): boolean {
    return (((this.#candidatesOf(text).bits[bit >>> 5] as number) >>> (bit & 31)) & 1) !== 0
  }

  #valuesOf(source: Source): SourceValues {
    const known = this.#bySource[source.index]
    if (known !== undefined) return known
    const { selector } = source
    const all = this.ofVariable(source.variable)
    const values = new SourceValues(selector === null ? all : all.filter((entry) => selector.matches(entry)))
    this.#bySource[source.index] = values
    return values
  }

  #unite(group: Group): Int32Array {
    const union = new CandidateUnion(this.#prefilter)
    for (const values of this.#present[group.set.index] ?? this.#findPresent(group.set)) {
      for (const node of group.nodes) union.addBits(values.unions[node.id] ?? this.#uniteSource(values, node))
    }
    this.#unions[group.index] = union.bits
    return union.bits
  }

  #findPresent(set: SourceSet): readonly SourceValues[] {
    const present: SourceValues[] = []
    for (const source of set.sources) {
      const values = this.#valuesOf(source)
      if (values.entries.length > 0) present.push(values)
    }
    this.#present[set.index] = present
    return present
  }

  #uniteSource(values: SourceValues, node: TransformNode): Int32Array {
    const union = new CandidateUnion(this.#prefilter)
    values.classes ??= this.#classify(values.entries)
    for (const one of values.classes) {
      if ((one.triggers & node.pathBits) === 0) union.addBits(one.union ?? this.#uniteClass(one))
      else this.#addTransformed(union, one.texts, node)
    }
    values.unions[node.id] = union.bits
    return union.bits
  }

  /** What is left when the time is used up does not matter: rules over these values do not run any more. */
  #addTransformed(union: CandidateUnion, texts: readonly Text[], node: TransformNode): void {
    for (const text of texts) {
      if (this.#budget.spend(text.value.length)) return
      union.add(this.#candidatesOf(this.transformed(text, node)))
    }
  }

  #uniteClass(one: TextClass): Int32Array {
    const union = new CandidateUnion(this.#prefilter)
    for (const text of one.texts) union.add(this.#candidatesOf(text))
    one.union = union.bits
    return union.bits
  }

  #candidatesOf(text: Text): Candidates {
    return text.candidates ?? this.#prefilter.candidatesOf(text)
  }

  #classify(entries: readonly Entry[]): readonly TextClass[] {
    const classes: TextClass[] = []
    for (const { text } of entries) {
      const triggers = text.triggers === -1 ? this.#scan(text) : text.triggers
      const known = classes.find((one) => one.triggers === triggers)
      if (known === undefined) classes.push({ triggers, texts: [text], union: null })
      else known.texts.push(text)
    }
    return classes
  }
}
