// What the effects of a rule do to the transaction: setvar and ctl.

import type { Controls } from './controls.ts'
import { expandMacro, type MacroScope } from './macro.ts'
import type { CompiledEffect, Plan } from './plan.ts'
import type { State } from './state.ts'

export interface EffectScope extends MacroScope {
  readonly plan: Plan
  readonly state: State
  readonly controls: Controls
}

export function applyEffect(compiled: CompiledEffect, scope: EffectScope): void {
  const { controls, state } = scope
  switch (compiled.kind) {
    case 'setvar':
      setVariable(compiled, scope)
      return
    case 'engine':
      controls.mode = compiled.mode
      return
    case 'audit':
      controls.auditMode = compiled.mode
      return
    case 'auditParts':
      controls.changeAuditParts(compiled.operation, compiled.parts)
      return
    case 'removeRules':
      controls.removeRules(compiled.rules, scope.plan.rules.length)
      return
    case 'removeTargets':
      controls.removeTargets(compiled.removal)
      return
    case 'bodyProcessor':
      state.bodyProcessor = compiled.name
      return
    case 'forceRequestBody':
      state.forceRequestBody = compiled.on
      return
    case 'session':
      state[compiled.field] = expandMacro(compiled.value, scope)
      return
    case 'requestBodyAccess':
      controls.requestBodyAccess = compiled.on
      return
    case 'responseBodyAccess':
      controls.responseBodyAccess = compiled.on
      return
    case 'requestBodyLimit':
      controls.requestBodyLimitBytes = compiled.bytes
      return
    case 'responseBodyLimit':
      controls.responseBodyLimitBytes = compiled.bytes
  }
}

type SetVariableEffect = Extract<CompiledEffect, { kind: 'setvar' }>

function setVariable({ effect, slot }: SetVariableEffect, scope: EffectScope): void {
  const store = scope.state.store(effect.store)
  const name = slot === -1 ? expandMacro(effect.name, scope) : ''
  if (effect.value === null) {
    if (slot === -1) store.set(name, undefined)
    else store.setAt(slot, undefined)
    return
  }
  let value = expandMacro(effect.value, scope)
  if (effect.operation !== 'set') {
    const before = toInteger(slot === -1 ? store.get(name) : store.at(slot))
    const change = toInteger(value)
    value = String(effect.operation === 'add' ? before + change : before - change)
  }
  if (slot === -1) store.set(name, value)
  else store.setAt(slot, value)
}

/** What is no number counts as 0, as in C's atoi. */
function toInteger(value: string | undefined): number {
  if (value === undefined || value === '') return 0
  const number = Number.parseInt(value, 10)
  return Number.isNaN(number) ? 0 : number
}
