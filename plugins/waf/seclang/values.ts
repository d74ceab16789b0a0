// The values that rules look at, gathered and analysed once for each transaction and phase.

import type { Group, Plan, Source } from './plan.ts'
import type { State } from './state.ts'
import type { Entry, Text } from './text.ts'
import { type TransformNode, transformed } from './transform-tree.ts'
import type { Variable } from './variables.ts'

export class Values {
  readonly #plan: Plan
  readonly #state: State
  readonly #byVariable: (readonly Entry[] | null)[]
  readonly #bySource: (readonly Entry[] | null)[]
  /** For each group a bit set: the rules that can match any of its values. */
  readonly #unions: Int32Array
  readonly #united: Uint8Array
  readonly #scan: (text: Text) => number

  constructor(plan: Plan, state: State) {
    this.#plan = plan
    this.#state = state
    this.#byVariable = []
    this.#bySource = new Array(plan.sources.length).fill(null)
    this.#unions = new Int32Array(plan.groups.length * plan.prefilter.words)
    this.#united = new Uint8Array(plan.groups.length)
    this.#scan = plan.scanTriggers
  }

  /** Forgets what the beginning phase brings anew. */
  enter(phase: number): void {
    const { sources, variables } = this.#plan.settledIn[phase] as Plan['settledIn'][number]
    for (const index of sources) this.#bySource[index] = null
    for (const index of variables) this.#byVariable[index] = null
    this.#unions.fill(0)
    this.#united.fill(0)
  }

  /** The members of a stable source. */
  of(source: Source): readonly Entry[] {
    const known = this.#bySource[source.index]
    if (known) return known
    const { selector } = source
    const all = this.ofVariable(source.variable)
    const entries = selector === null ? all : all.filter((entry) => selector.matches(entry))
    this.#bySource[source.index] = entries
    return entries
  }

  ofVariable(variable: Variable): readonly Entry[] {
    if (variable.settled === 'volatile') return variable.read(this.#state)
    const known = this.#byVariable[variable.id]
    if (known) return known
    const entries = variable.read(this.#state)
    this.#byVariable[variable.id] = entries
    return entries
  }

  transformed(text: Text, node: TransformNode): Text {
    return transformed(text, node, this.#scan)
  }

  /** False when no value of the group can match the rule with that bit. */
  mayMatch(group: Group, bit: number): boolean {
    const start = group.index * this.#plan.prefilter.words
    if (this.#united[group.index] === 0) this.#unite(group, start)
    return ((this.#unions[start + (bit >>> 5)] as number) & (1 << (bit & 31))) !== 0
  }

  canMatch(text: Text, bit: number): boolean {
    const candidates = text.candidates ?? this.#plan.prefilter.candidatesOf(text)
    return ((candidates[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
  }

  #unite(group: Group, start: number): void {
    this.#united[group.index] = 1
    for (const source of group.sources) {
      for (const entry of this.of(source)) {
        for (const node of group.nodes) this.#add(this.transformed(entry.text, node), start)
      }
    }
  }

  #add(text: Text, start: number): void {
    const candidates = text.candidates ?? this.#plan.prefilter.candidatesOf(text)
    const unions = this.#unions
    for (let word = 0; word < candidates.length; word++) {
      unions[start + word] = (unions[start + word] as number) | (candidates[word] as number)
    }
  }
}
