// The actions that change a transaction without ending it: setvar, ctl, initcol and the like, from their text. Called at load.

import { compileMacro } from './macro.ts'
import type { Effect, EngineMode, RuleMatcher, SetVariable } from './model.ts'
import { matchId, matchMessage, matchTag } from './rule-matcher.ts'
import { type StoreName, storeNames } from './state.ts'
import { type PatternCompiler, parseTargets, type TargetList } from './targets.ts'

/** setvar:tx.score=+5, setvar:!tx.x, setvar:tx.x. Throws an error for a collection that cannot be written. */
export function parseSetVariable(text: string): SetVariable {
  const unset = text.startsWith('!')
  const equals = text.indexOf('=')
  const full = (unset ? text.slice(1) : equals === -1 ? text : text.slice(0, equals)).trim()
  const dot = full.search(/[.:]/)
  if (dot === -1) throw new Error(`setvar:${text} names no collection; write setvar:tx.name=value`)
  const target = {
    kind: 'setvar' as const,
    store: parseStore(full.slice(0, dot)),
    name: compileMacro(full.slice(dot + 1)),
  }
  if (unset) return { ...target, value: null, operation: 'set' }
  if (equals === -1) return { ...target, value: compileMacro('1'), operation: 'set' }
  const value = text.slice(equals + 1)
  if (/^\+/.test(value)) return { ...target, value: compileMacro(value.slice(1)), operation: 'add' }
  if (/^-/.test(value)) return { ...target, value: compileMacro(value.slice(1)), operation: 'subtract' }
  return { ...target, value: compileMacro(value), operation: 'set' }
}

function parseStore(name: string): StoreName {
  const found = storeNames.find((store) => store === name.toUpperCase())
  if (found === undefined) throw new Error(`${name} cannot be written: only ${storeNames.join(', ')} can`)
  return found
}

/** initcol:ip=%{remote_addr}: the collection lives for one transaction, so its key is only checked. */
export function checkInitCollection(text: string): void {
  const equals = text.indexOf('=')
  if (equals === -1) throw new Error(`initcol:${text} has no key; write initcol:ip=%{REMOTE_ADDR}`)
  parseStore(text.slice(0, equals).trim())
  compileMacro(text.slice(equals + 1))
}

/** ctl:name=value. */
export function parseControl(text: string, compile: PatternCompiler): Effect {
  const equals = text.indexOf('=')
  const name = (equals === -1 ? text : text.slice(0, equals)).trim().toLowerCase()
  const value = equals === -1 ? '' : text.slice(equals + 1).trim()
  const parse = controls[name]
  if (parse === undefined)
    throw new Error(`ctl:${name} is not supported; ${Object.keys(controls).join(', ')} are`)
  return parse(value, compile)
}

type ControlParser = (value: string, compile: PatternCompiler) => Effect

const controls: Readonly<Record<string, ControlParser>> = {
  ruleengine: (value) => ({ kind: 'engine', mode: parseEngineMode(value) }),
  auditengine: (value) => ({ kind: 'audit', mode: pickWord(value, ['On', 'Off', 'RelevantOnly']) }),
  auditlogparts: parseAuditParts,
  ruleremovebyid: (value) => ({ kind: 'removeRules', rules: matchId(value) }),
  ruleremovebytag: (value, compile) => ({ kind: 'removeRules', rules: matchTag(value, compile) }),
  ruleremovebymsg: (value, compile) => ({ kind: 'removeRules', rules: matchMessage(value, compile) }),
  ruleremovetargetbyid: (value, compile) => removeTargets(value, matchId, compile),
  ruleremovetargetbytag: (value, compile) => removeTargets(value, matchTag, compile),
  ruleremovetargetbymsg: (value, compile) => removeTargets(value, matchMessage, compile),
  requestbodyprocessor: (value) => ({ kind: 'bodyProcessor', name: parseProcessor(value) }),
  forcerequestbodyvariable: (value) => ({ kind: 'forceRequestBody', on: isOn(value) }),
  requestbodyaccess: (value) => ({ kind: 'requestBodyAccess', on: isOn(value) }),
  responsebodyaccess: (value) => ({ kind: 'responseBodyAccess', on: isOn(value) }),
  requestbodylimit: (value) => ({ kind: 'requestBodyLimit', bytes: parseCount(value) }),
  responsebodylimit: (value) => ({ kind: 'responseBodyLimit', bytes: parseCount(value) }),
}

export function parseEngineMode(value: string): EngineMode {
  return pickWord(value, ['On', 'DetectionOnly', 'Off'])
}

function parseProcessor(value: string): string {
  return pickWord(value, ['URLENCODED', 'MULTIPART', 'JSON', 'XML'])
}

function parseAuditParts(value: string): Effect {
  const sign = value[0]
  const parts = (sign === '+' || sign === '-' ? value.slice(1) : value).toUpperCase()
  if (!/^[A-KZ]+$/.test(parts))
    throw new Error(`ctl:auditLogParts=${value} holds other letters than A to K and Z`)
  return { kind: 'auditParts', operation: sign === '+' ? 'add' : sign === '-' ? 'remove' : 'set', parts }
}

type MatcherParser = (value: string, compile: PatternCompiler) => RuleMatcher

function removeTargets(value: string, parse: MatcherParser, compile: PatternCompiler): Effect {
  const semicolon = value.indexOf(';')
  if (semicolon === -1) throw new Error(`"${value}" names no target; write rule;ARGS:x`)
  const targets: TargetList = parseTargets(value.slice(semicolon + 1), compile)
  return { kind: 'removeTargets', rules: parse(value.slice(0, semicolon), compile), targets }
}

/** One of `words`, case ignored, as spelled there. */
export function pickWord<Word extends string>(value: string, words: readonly Word[]): Word {
  const found = words.find((word) => word.toLowerCase() === value.toLowerCase())
  if (found === undefined) throw new Error(`"${value}" is none of ${words.join(', ')}`)
  return found
}

export function isOn(value: string): boolean {
  return pickWord(value, ['On', 'Off']) === 'On'
}

export function parseCount(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new Error(`"${value}" is no whole number`)
  return Number(value)
}
