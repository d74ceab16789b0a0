// What a transaction may do differently from the next one: its mode, limits, rules and targets taken out. Set from the
// rule set's settings and the caller's options, changed by ctl actions.

import type { EngineMode } from './model.ts'
import type { Settings } from './settings.ts'
import type { Target } from './targets.ts'

/** Rules and targets that are left out, compiled once and given to many transactions. */
export interface Exclusions {
  /** By rule index: 1 for a rule that does not run. */
  readonly rules: Uint8Array
  /** By rule index: targets it does not look at. */
  readonly targets: ReadonlyMap<number, readonly Target[]>
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
  #targets: ReadonlyMap<number, readonly Target[]> | null = null

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
    if (exclusions.targets.size > 0) this.#targets = exclusions.targets
  }

  isRemoved(rule: number): boolean {
    return this.#removed !== null && this.#removed[rule] === 1
  }

  removedTargets(rule: number): readonly Target[] | undefined {
    return this.#targets === null ? undefined : this.#targets.get(rule)
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

  removeTargets(rules: readonly number[], targets: readonly Target[]): void {
    const own = new Map(this.#targets)
    for (const rule of rules) own.set(rule, [...(own.get(rule) ?? []), ...targets])
    this.#targets = own
  }

  changeAuditParts(operation: 'set' | 'add' | 'remove', parts: string): void {
    const without = [...this.auditParts].filter((part) => !parts.includes(part)).join('')
    this.auditParts = operation === 'set' ? parts : operation === 'remove' ? without : without + parts
  }
}
