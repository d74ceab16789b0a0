// The compiled rule set: what runs for every request. Rules in the order of each phase, with jumps resolved; targets,
// transformations and operators shared; groups of rules that look at the same values in the same form.

import type { TargetRemoval } from './controls.ts'
import type { Macro } from './macro.ts'
import type { EngineMode, Phase, Rule, SetVariable } from './model.ts'
import type { Prefilter } from './prefilter.ts'
import type { Settings } from './settings.ts'
import type { StoreTables } from './state.ts'
import type { Selector, Target } from './targets.ts'
import type { Text } from './text.ts'
import type { TransformNode } from './transform-tree.ts'
import type { DynamicOperator, Operator } from './types.ts'
import type { Reading, Variable } from './variables.ts'

/** A target as rules share it. */
export interface Source {
  readonly index: number
  readonly variable: Variable
  readonly selector: Selector | null
  readonly count: boolean
  /** False for what rules change while they run: such values are read anew each time. */
  readonly stable: boolean
  /** For a member of TX named by its key. */
  readonly slot: number
  /** As matches name it when the entry has no key. */
  readonly name: string
}

/** Sources that rules look at together. */
export interface SourceSet {
  readonly index: number
  readonly sources: readonly Source[]
}

/** Rules of one group look at the same sources through the same transformations; their candidates are found together. */
export interface Group {
  readonly index: number
  readonly set: SourceSet
  readonly nodes: readonly TransformNode[]
}

/** How a number that is below, above or equal to `number` fares. */
export interface NumericTest {
  readonly slot: number
  readonly number: number
  readonly below: boolean
  readonly above: boolean
  readonly equal: boolean
}

export interface Link {
  readonly rule: Rule
  /** Of the head's `RulePlan`. */
  readonly ruleIndex: number
  readonly sources: readonly Source[]
  readonly excluded: readonly Target[]
  readonly node: TransformNode
  /** With multiMatch: every node from the root on; otherwise null. */
  readonly path: readonly TransformNode[] | null
  readonly operator: Operator | null
  readonly dynamic: { readonly run: DynamicOperator; readonly argument: Macro } | null
  readonly negated: boolean
  /** For @eq, @lt and the like on one member of TX: takes the place of the operator. */
  readonly numeric: NumericTest | null
  /** In the prefilter's bit sets; -1: always evaluated. */
  readonly bit: number
  readonly group: Group | null
  readonly effects: readonly CompiledEffect[]
  readonly next: Link | null
}

/** Effects whose rules and names are looked up already. */
export type CompiledEffect =
  | { readonly kind: 'setvar'; readonly effect: SetVariable; readonly slot: number }
  | { readonly kind: 'removeRules'; readonly rules: readonly number[] }
  | { readonly kind: 'removeTargets'; readonly removal: TargetRemoval }
  | Exclude<Rule['effects'][number], { readonly kind: 'setvar' | 'removeRules' | 'removeTargets' }>

export interface RulePlan {
  /** Of all rules, over the phases: the index in hit counters and sets of removed rules. */
  readonly index: number
  readonly rule: Rule
  readonly head: Link
  /** Where skipAfter leads: an index in the phase's list; -1: the rule does not skip. */
  readonly skipTo: number
}

export interface Plan {
  readonly settings: Readonly<Settings>
  /** By phase; index 0 is empty. */
  readonly phases: readonly (readonly RulePlan[])[]
  readonly rules: readonly RulePlan[]
  readonly sources: readonly Source[]
  readonly groups: readonly Group[]
  readonly setCount: number
  /** By source, for patterns over the names of TX and its like: the slots whose names match. */
  readonly slotsOfSource: readonly (readonly number[] | undefined)[]
  readonly prefilter: Prefilter
  /** Finds `Text.triggers`. */
  readonly scanTriggers: (text: Text) => number
  readonly stores: StoreTables
  /** SecAuditLogRelevantStatus. */
  readonly relevantStatus: ((status: string) => boolean) | null
  /** Sources and variables that change when the phase begins. */
  readonly settledIn: readonly {
    readonly sources: readonly number[]
    readonly variables: readonly number[]
  }[]
  /** TX slots of the captured groups 0 to 9. */
  readonly captureSlots: readonly number[]
}

export type { EngineMode, Phase, Reading }
