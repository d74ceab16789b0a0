// What a transaction may do differently from the next one: its mode, limits, rules and targets taken out. Set from the
// rule set's settings and the caller's options, changed by ctl actions.

import type { EngineMode } from './model.ts'
import type { Settings } from './settings.ts'
import type { Target } from './targets.ts'

/** Targets that some rules do not look at. */
export interface TargetRemoval {
  /** By rule index: 1 for a rule that is meant. */
  readonly rules: Uint8Array
  readonly targets: readonly Target[]
}

/** Rules and targets that are left out, compiled once and given to many transactions. */
export interface Exclusions {
  /** By rule index: 1 for a rule that does not run. */
  readonly rules: Uint8Array
  readonly targets: readonly TargetRemoval[]
}

export class Controls {
  mode: EngineMode
  auditMode: Settings['auditEngine']
  auditParts: string
  requestBodyAccess: boolean
  responseBodyAccess: boolean
  requestBodyLimitBytes: number
  responseBodyLimitBytes: number
  #removed: Uint8Array | null = null
  #ownRemoved = false
  #removals: readonly TargetRemoval[] | null = null

  constructor(settings: Readonly<Settings>, exclusions: Exclusions | null) {
    this.mode = settings.engine
    this.auditMode = settings.auditEngine
    this.auditParts = settings.auditParts
    this.requestBodyAccess = settings.requestBodyAccess
    this.responseBodyAccess = settings.responseBodyAccess
    this.requestBodyLimitBytes = settings.requestBodyLimitBytes
    this.responseBodyLimitBytes = settings.responseBodyLimitBytes
    if (exclusions === null) return
    this.#removed = exclusions.rules
    if (exclusions.targets.length > 0) this.#removals = exclusions.targets
  }

  isRemoved(rule: number): boolean {
    return this.#removed !== null && this.#removed[rule] === 1
  }

  /** The removals that may mean the rule; null when there is none. */
  removalsFor(rule: number): readonly TargetRemoval[] | null {
    const removals = this.#removals
    if (removals === null) return null
    for (let i = 0; i < removals.length; i++)
      if ((removals[i] as TargetRemoval).rules[rule] === 1) return removals
    return null
  }

  removeRules(rules: readonly number[], ruleCount: number): void {
    if (!this.#ownRemoved) {
      const own = new Uint8Array(ruleCount)
      if (this.#removed !== null) own.set(this.#removed)
      this.#removed = own
      this.#ownRemoved = true
    }
    for (const rule of rules) (this.#removed as Uint8Array)[rule] = 1
  }

  removeTargets(removal: TargetRemoval): void {
    this.#removals = this.#removals === null ? [removal] : [...this.#removals, removal]
  }

  changeAuditParts(operation: 'set' | 'add' | 'remove', parts: string): void {
    const without = [...this.auditParts].filter((part) => !parts.includes(part)).join('')
    this.auditParts = operation === 'set' ? parts : operation === 'remove' ? without : without + parts
  }
}
