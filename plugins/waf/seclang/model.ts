// A rule as it was written, checked and complete: what the parser hands to the plan.

import type { Macro } from './macro.ts'
import type { Place } from './problem.ts'
import type { StoreName } from './state.ts'
import type { TargetList } from './targets.ts'

export type Phase = 1 | 2 | 3 | 4 | 5

export type EngineMode = 'On' | 'DetectionOnly' | 'Off'

/** What happens to the request when a rule matches. `block` stands for what SecDefaultAction says. */
export type Disruption =
  | { readonly kind: 'pass' | 'deny' | 'drop' }
  | { readonly kind: 'allow'; readonly scope: 'all' | 'phase' | 'request' }
  | { readonly kind: 'redirect'; readonly location: Macro }

export interface SetVariable {
  readonly kind: 'setvar'
  readonly store: StoreName
  readonly name: Macro
  /** null unsets. */
  readonly value: Macro | null
  readonly operation: 'set' | 'add' | 'subtract'
}

/** What `ctl` and the other actions that are no disruption do, in the order written. */
export type Effect =
  | SetVariable
  | { readonly kind: 'engine'; readonly mode: EngineMode }
  | { readonly kind: 'audit'; readonly mode: 'On' | 'Off' | 'RelevantOnly' }
  | { readonly kind: 'auditParts'; readonly operation: 'set' | 'add' | 'remove'; readonly parts: string }
  | { readonly kind: 'removeRules'; readonly rules: RuleMatcher }
  | { readonly kind: 'removeTargets'; readonly rules: RuleMatcher; readonly targets: TargetList }
  | { readonly kind: 'bodyProcessor'; readonly name: string }
  | { readonly kind: 'forceRequestBody'; readonly on: boolean }
  | { readonly kind: 'requestBodyAccess' | 'responseBodyAccess'; readonly on: boolean }
  | { readonly kind: 'requestBodyLimit' | 'responseBodyLimit'; readonly bytes: number }
  | { readonly kind: 'session'; readonly field: 'sessionId' | 'userId'; readonly value: Macro }

/** Tells which rules a removal or an update means. */
export type RuleMatcher = (rule: Rule) => boolean

export interface OperatorText {
  readonly negated: boolean
  readonly name: string
  readonly argument: string
}

export interface Rule extends Place {
  /** Of the head; the links of a chain share it. */
  readonly id: number
  readonly phase: Phase
  /** null for a SecAction, which always matches. */
  readonly targets: TargetList | null
  readonly operator: OperatorText | null
  readonly transformations: readonly string[]
  readonly message: Macro | null
  readonly logData: Macro | null
  readonly tags: readonly string[]
  /** 0 (emergency) to 7; null: not given. */
  readonly severity: number | null
  readonly version: string
  readonly log: boolean
  readonly auditLog: boolean
  readonly capture: boolean
  readonly multiMatch: boolean
  readonly disruption: Disruption
  readonly status: number
  readonly effects: readonly Effect[]
  readonly skip: number
  readonly skipAfter: string | null
  readonly chained: Rule | null
}

/** Marks a place to skip to. */
export interface Marker extends Place {
  readonly marker: string
}
