// What a matched rule leaves behind: the record for logs, and the interruption when it ends the request.

import { severityName } from './actions.ts'
import { expandMacro, type MacroScope } from './macro.ts'
import type { Rule } from './model.ts'
import type { State } from './state.ts'

export interface RuleMatch {
  readonly id: number
  readonly phase: number
  readonly message: string
  /** The variable that matched last, with its key: ARGS:q. */
  readonly variable: string
  /** Its value after the transformations, at most 256 characters of it. */
  readonly value: string
  /** The rule's logdata. */
  readonly data: string
  readonly tags: readonly string[]
  /** 0 to 7; null where the rule has none. */
  readonly severity: number | null
  readonly severityName: string
  readonly file: string
  readonly line: number
  readonly version: string
  /** False for rules that write to the audit log only. */
  readonly log: boolean
  readonly auditLog: boolean
}

export interface Interruption {
  readonly action: 'deny' | 'drop' | 'redirect'
  readonly status: number
  /** 0 when no rule is the cause. */
  readonly ruleId: number
  readonly cause: 'rule' | 'budget' | 'body-limit'
  /** For a redirect. */
  readonly location: string
}

const shownLength = 256

export function toMatch(rule: Rule, scope: MacroScope, state: State): RuleMatch {
  return {
    id: rule.id,
    phase: rule.phase,
    message: rule.message === null ? '' : expandMacro(rule.message, scope),
    variable: state.matchedVariableName,
    value: state.matchedVariable.slice(0, shownLength),
    data: rule.logData === null ? '' : expandMacro(rule.logData, scope).slice(0, 4 * shownLength),
    tags: rule.tags,
    severity: rule.severity,
    severityName: rule.severity === null ? '' : severityName(rule.severity),
    file: rule.file,
    line: rule.line,
    version: rule.version,
    log: rule.log,
    auditLog: rule.auditLog,
  }
}

export function interruptionOf(rule: Rule, scope: MacroScope): Interruption {
  const { disruption } = rule
  const redirect = disruption.kind === 'redirect'
  const action = redirect ? 'redirect' : disruption.kind === 'drop' ? 'drop' : 'deny'
  const status = redirect && !isRedirect(rule.status) ? 302 : rule.status
  return {
    action,
    status,
    ruleId: rule.id,
    cause: 'rule',
    location: redirect ? expandMacro(disruption.location, scope) : '',
  }
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400
}
