// The table of actions: what each does to the rule being built. Called at load.

import type { ActionText } from './action-text.ts'
import { checkInitCollection, parseControl, parseCount, parseSetVariable } from './effects.ts'
import { compileMacro, type Macro } from './macro.ts'
import type { Disruption, Effect, Phase } from './model.ts'
import type { PatternCompiler } from './targets.ts'

/** A rule while its actions are read. */
export interface RuleDraft {
  id: number
  phase: Phase | null
  message: Macro | null
  logData: Macro | null
  tags: string[]
  severity: number | null
  version: string
  log: boolean | null
  auditLog: boolean | null
  capture: boolean
  multiMatch: boolean
  disruption: Disruption | 'block' | null
  status: number | null
  effects: Effect[]
  transformations: string[]
  /** t:none was given: the default's transformations do not apply. */
  ownTransformations: boolean
  skip: number
  skipAfter: string | null
  chain: boolean
}

export function createDraft(): RuleDraft {
  return {
    id: 0,
    phase: null,
    message: null,
    logData: null,
    tags: [],
    severity: null,
    version: '',
    log: null,
    auditLog: null,
    capture: false,
    multiMatch: false,
    disruption: null,
    status: null,
    effects: [],
    transformations: [],
    ownTransformations: false,
    skip: 0,
    skipAfter: null,
    chain: false,
  }
}

export interface ActionEnv {
  readonly compile: PatternCompiler
  isTransformation(name: string): boolean
}

/** Throws an error that names the action. */
export function applyAction(draft: RuleDraft, action: ActionText, env: ActionEnv): void {
  const apply = actions[action.name]
  if (apply === undefined) throw new Error(`"${action.name}" is no action of this engine`)
  const { value } = action
  if (apply.value === 'required' && (value === null || value === '')) {
    throw new Error(`the action ${action.name} needs a value: ${action.name}:...`)
  }
  if (apply.value === 'none' && value !== null) throw new Error(`the action ${action.name} takes no value`)
  try {
    apply.run(draft, value ?? '', env)
  } catch (error) {
    throw new Error(`action ${action.name}: ${error instanceof Error ? error.message : error}`)
  }
}

type Run = (draft: RuleDraft, value: string, env: ActionEnv) => void

interface Action {
  readonly value: 'required' | 'none' | 'optional'
  readonly run: Run
}

function withValue(run: Run): Action {
  return { value: 'required', run }
}

function bare(run: Run): Action {
  return { value: 'none', run }
}

const severities = ['EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG']

const phaseNames: Readonly<Record<string, Phase>> = { request: 2, response: 4, logging: 5 }

const actions: Readonly<Record<string, Action>> = {
  id: withValue((draft, value) => {
    draft.id = parseCount(value)
  }),
  phase: withValue((draft, value) => {
    draft.phase = parsePhase(value)
  }),
  msg: withValue((draft, value) => {
    draft.message = compileMacro(value)
  }),
  logdata: withValue((draft, value) => {
    draft.logData = compileMacro(value)
  }),
  tag: withValue((draft, value) => {
    draft.tags.push(value)
  }),
  severity: withValue((draft, value) => {
    draft.severity = parseSeverity(value)
  }),
  ver: withValue((draft, value) => {
    draft.version = value
  }),
  rev: withValue(() => {}),
  maturity: withValue(() => {}),
  accuracy: withValue(() => {}),
  t: withValue(addTransformation),
  log: bare((draft) => {
    draft.log = true
    draft.auditLog ??= true
  }),
  nolog: bare((draft) => {
    draft.log = false
    draft.auditLog = false
  }),
  auditlog: bare((draft) => {
    draft.auditLog = true
  }),
  noauditlog: bare((draft) => {
    draft.auditLog = false
  }),
  capture: bare((draft) => {
    draft.capture = true
  }),
  multimatch: bare((draft) => {
    draft.multiMatch = true
  }),
  chain: bare((draft) => {
    draft.chain = true
  }),
  pass: bare((draft) => disrupt(draft, { kind: 'pass' })),
  deny: bare((draft) => disrupt(draft, { kind: 'deny' })),
  drop: bare((draft) => disrupt(draft, { kind: 'drop' })),
  block: bare((draft) => disrupt(draft, 'block')),
  allow: { value: 'optional', run: (draft, value) => disrupt(draft, parseAllow(value)) },
  redirect: withValue((draft, value) => disrupt(draft, { kind: 'redirect', location: compileMacro(value) })),
  status: withValue((draft, value) => {
    draft.status = parseStatus(value)
  }),
  skip: withValue((draft, value) => {
    draft.skip = parseCount(value)
  }),
  skipafter: withValue((draft, value) => {
    draft.skipAfter = value
  }),
  setvar: withValue((draft, value) => {
    draft.effects.push(parseSetVariable(value))
  }),
  ctl: withValue((draft, value, env) => {
    draft.effects.push(parseControl(value, env.compile))
  }),
  initcol: withValue((_draft, value) => checkInitCollection(value)),
  expirevar: withValue((_draft, value) => checkExpiry(value)),
  setsid: withValue((draft, value) => {
    draft.effects.push({ kind: 'session', field: 'sessionId', value: compileMacro(value) })
  }),
  setuid: withValue((draft, value) => {
    draft.effects.push({ kind: 'session', field: 'userId', value: compileMacro(value) })
  }),
}

function disrupt(draft: RuleDraft, disruption: Disruption | 'block'): void {
  draft.disruption = disruption
}

function parsePhase(value: string): Phase {
  const phase = phaseNames[value.toLowerCase()] ?? Number(value)
  if (phase !== 1 && phase !== 2 && phase !== 3 && phase !== 4 && phase !== 5) {
    throw new Error(`"${value}" is no phase: 1 to 5, request, response or logging`)
  }
  return phase
}

function parseSeverity(value: string): number {
  const named = severities.indexOf(value.toUpperCase())
  const severity = named === -1 ? Number(value) : named
  if (!Number.isInteger(severity) || severity < 0 || severity > 7 || value === '') {
    throw new Error(`"${value}" is no severity: 0 to 7 or ${severities.join(', ')}`)
  }
  return severity
}

export function severityName(severity: number): string {
  return severities[severity] ?? ''
}

function parseAllow(value: string): Disruption {
  const scope = value === '' ? 'all' : value.toLowerCase()
  if (scope !== 'all' && scope !== 'phase' && scope !== 'request') {
    throw new Error(`allow:${value} is neither allow, allow:phase nor allow:request`)
  }
  return { kind: 'allow', scope }
}

function parseStatus(value: string): number {
  const status = parseCount(value)
  if (status < 100 || status > 599) throw new Error(`${value} is no HTTP status`)
  return status
}

/** Nothing outlives the transaction, so that there is nothing to expire; the text has to be right nevertheless. */
function checkExpiry(value: string): void {
  const match = /^[A-Za-z]+[.:][^=]+=(.+)$/.exec(value)
  if (match === null) throw new Error(`"${value}" is not of the form ip.name=seconds`)
  if (compileMacro(match[1] as string).parts === null) parseCount(match[1] as string)
}

function addTransformation(draft: RuleDraft, value: string, env: ActionEnv): void {
  const name = value.toLowerCase()
  if (name === 'none') {
    draft.transformations = []
    draft.ownTransformations = true
    return
  }
  if (!env.isTransformation(name)) throw new Error(`"${value}" is no transformation of this engine`)
  draft.transformations.push(name)
}
