// The values that rules look at, gathered and analysed once for each transaction and phase.

import type { Group, Plan, Source, SourceSet } from './plan.ts'
import type { Prefilter } from './prefilter.ts'
import type { State } from './state.ts'
import type { Entry, Text } from './text.ts'
import { type TransformNode, transformed } from './transform-tree.ts'
import type { Variable } from './variables.ts'

/** Values of a source set on which the same transformations may act. */
interface TextClass {
  readonly triggers: number
  readonly texts: Text[]
  /** Of their candidates, as they came; null: not wanted yet. */
  union: Int32Array | null
}

export class Values {
  readonly #plan: Plan
  readonly #prefilter: Prefilter
  readonly #state: State
  readonly #byVariable: (readonly Entry[] | undefined)[] = []
  readonly #bySource: (readonly Entry[] | undefined)[]
  /** By group: a bit set of the rules that can match any of its values. */
  #unions: (Int32Array | undefined)[] = []
  /** By source set. */
  #classes: (readonly TextClass[] | undefined)[] = []
  readonly #scan: (text: Text) => number

  constructor(plan: Plan, state: State) {
    this.#plan = plan
    this.#prefilter = plan.prefilter
    this.#state = state
    this.#bySource = new Array(plan.sources.length)
    this.#scan = plan.scanTriggers
  }

  /** Forgets what the beginning phase brings anew. */
  enter(phase: number): void {
    const { sources, variables } = this.#plan.settledIn[phase] as Plan['settledIn'][number]
    for (const index of sources) this.#bySource[index] = undefined
    for (const index of variables) this.#byVariable[index] = undefined
    this.#unions = new Array(this.#plan.groups.length)
    this.#classes = new Array(this.#plan.setCount)
  }

  /** The members of a stable source. */
  of(source: Source): readonly Entry[] {
    const known = this.#bySource[source.index]
    if (known !== undefined) return known
    const { selector } = source
    const all = this.ofVariable(source.variable)
    const entries = selector === null ? all : all.filter((entry) => selector.matches(entry))
    this.#bySource[source.index] = entries
    return entries
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
    const candidates = text.candidates ?? this.#prefilter.candidatesOf(text)
    return ((candidates[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
  }

  #unite(group: Group): Int32Array {
    const union = new Union(this.#prefilter)
    for (const set of this.#classes[group.set.index] ?? this.#classify(group.set)) {
      for (const node of group.nodes) {
        if ((set.triggers & node.pathBits) !== 0) {
          for (const text of set.texts) union.add(this.#candidatesOf(this.transformed(text, node)))
        } else union.add(set.union ?? this.#uniteClass(set))
      }
    }
    this.#unions[group.index] = union.bits
    return union.bits
  }

  #uniteClass(set: TextClass): Int32Array {
    const union = new Union(this.#prefilter)
    for (const text of set.texts) union.add(this.#candidatesOf(text))
    set.union = union.bits
    return union.bits
  }

  #candidatesOf(text: Text): Int32Array {
    return text.candidates ?? this.#prefilter.candidatesOf(text)
  }

  #classify(set: SourceSet): readonly TextClass[] {
    const classes: TextClass[] = []
    for (const source of set.sources) {
      for (const { text } of this.of(source)) {
        const triggers = text.triggers === -1 ? this.#scan(text) : text.triggers
        const known = classes.find((one) => one.triggers === triggers)
        if (known === undefined) classes.push({ triggers, texts: [text], union: null })
        else known.texts.push(text)
      }
    }
    this.#classes[set.index] = classes
    return classes
  }
}

/** A union of bit sets that copies nothing until two different ones meet. */
class Union {
  bits: Int32Array
  #own = false
  readonly #none: Int32Array

  constructor(prefilter: Prefilter) {
    this.#none = prefilter.none
    this.bits = prefilter.none
  }

  add(more: Int32Array): void {
    if (more === this.bits || more === this.#none) return
    if (this.bits === this.#none) {
      this.bits = more
      return
    }
    if (!this.#own) {
      this.bits = this.bits.slice()
      this.#own = true
    }
    const { bits } = this
    for (let word = 0; word < more.length; word++)
      bits[word] = (bits[word] as number) | (more[word] as number)
  }
}
