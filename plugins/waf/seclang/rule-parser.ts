// SecRule and SecAction to rules: targets, operator, actions with the phase's defaults, chains. Called at load.

import { splitActions } from './action-text.ts'
import { type ActionEnv, applyAction, createDraft, type RuleDraft } from './actions.ts'
import type { Directive } from './lexer.ts'
import type { Disruption, OperatorText, Phase, Rule } from './model.ts'
import { parseTargets, type TargetList } from './targets.ts'

/** What SecDefaultAction says for a phase. */
export interface DefaultActions {
  readonly log: boolean
  readonly auditLog: boolean
  readonly disruption: Disruption
  readonly status: number
  readonly transformations: readonly string[]
}

export const builtInDefaults: DefaultActions = {
  log: true,
  auditLog: true,
  disruption: { kind: 'pass' },
  status: 403,
  transformations: [],
}

export interface RuleEnv extends ActionEnv {
  /** For the phase; `builtInDefaults` where no SecDefaultAction was given. */
  defaultsOf(phase: Phase): DefaultActions
  /** Throws an error when there is no such operator or its argument is wrong. */
  checkOperator(operator: OperatorText): void
}

/** A SecRule or SecAction without the rest of its chain. */
export interface Link {
  readonly directive: Directive
  readonly targets: TargetList | null
  readonly operator: OperatorText | null
  readonly draft: RuleDraft
}

/** Throws an error that says which part is wrong. */
export function parseLink(directive: Directive, env: RuleEnv): Link {
  const isRule = directive.name.toLowerCase() === 'secrule'
  const most = isRule ? 3 : 1
  const least = isRule ? 2 : 1
  const { words } = directive
  if (words.length < least || words.length > most) {
    const form = isRule ? 'SecRule VARIABLES "@operator argument" "actions"' : 'SecAction "actions"'
    throw new Error(`${words.length} words where ${form} is expected`)
  }
  const draft = createDraft()
  for (const action of splitActions(words[isRule ? 2 : 0] ?? '')) applyAction(draft, action, env)
  if (!isRule) return { directive, targets: null, operator: null, draft }
  const operator = parseOperator(words[1] as string)
  env.checkOperator(operator)
  return { directive, targets: parseTargets(words[0] as string, env.compile), operator, draft }
}

/** `!@rx pattern`, or a bare pattern, which means @rx. */
export function parseOperator(text: string): OperatorText {
  const trimmed = text.trimStart()
  const negated = /^!\s*@/.test(trimmed) || (trimmed.startsWith('!') && trimmed.length > 1)
  const rest = negated ? trimmed.slice(1).trimStart() : trimmed
  if (!rest.startsWith('@')) return { negated, name: 'rx', argument: rest }
  const blank = rest.search(/\s/)
  if (blank === -1) return { negated, name: rest.slice(1).toLowerCase(), argument: '' }
  return { negated, name: rest.slice(1, blank).toLowerCase(), argument: rest.slice(blank).trimStart() }
}

/** The head of a chain and its links become one rule. Throws an error for what only the whole shows. */
export function toRule(links: readonly Link[], env: RuleEnv): Rule {
  const head = links[0] as Link
  if (head.draft.id === 0) throw new Error('the rule has no id; add id:N to its actions')
  const phase = head.draft.phase ?? 2
  let rule: Rule | null = null
  for (let i = links.length - 1; i >= 0; i--) {
    const link = links[i] as Link
    if (i > 0) checkLink(link.draft)
    rule = build(link, head.draft.id, {
      phase,
      defaults: env.defaultsOf(phase),
      chained: rule,
      isHead: i === 0,
    })
  }
  return rule as Rule
}

/** What ends the request, names the rule or leads elsewhere belongs to the whole chain: to its head. */
function checkLink(draft: RuleDraft): void {
  if (draft.id !== 0) throw new Error('only the first rule of a chain has an id')
  if (draft.phase !== null) throw new Error('only the first rule of a chain has a phase')
  if (draft.skip !== 0 || draft.skipAfter !== null) throw new Error('only the first rule of a chain may skip')
  if (draft.disruption !== null)
    throw new Error('only the first rule of a chain may deny, pass, block or allow')
}

interface Around {
  readonly phase: Phase
  readonly defaults: DefaultActions
  readonly chained: Rule | null
  readonly isHead: boolean
}

function build(link: Link, id: number, around: Around): Rule {
  const { draft, directive } = link
  const { defaults } = around
  const log = draft.log ?? defaults.log
  const own = draft.disruption ?? defaults.disruption
  return {
    file: directive.file,
    line: directive.line,
    id,
    phase: around.phase,
    targets: link.targets,
    operator: link.operator,
    transformations: draft.ownTransformations
      ? draft.transformations
      : [...defaults.transformations, ...draft.transformations],
    message: draft.message,
    logData: draft.logData,
    tags: draft.tags,
    severity: draft.severity,
    version: draft.version,
    log,
    auditLog: draft.auditLog ?? defaults.auditLog,
    capture: draft.capture,
    multiMatch: draft.multiMatch,
    disruption: own === 'block' ? defaults.disruption : own,
    status: draft.status ?? defaults.status,
    effects: draft.effects,
    skip: draft.skip,
    skipAfter: draft.skipAfter,
    chained: around.chained,
  }
}

/** SecDefaultAction: throws an error unless it names a phase and a disruptive action and nothing that belongs to one rule. */
export function parseDefaults(text: string, env: ActionEnv): readonly [Phase, DefaultActions] {
  const draft = createDraft()
  for (const action of splitActions(text)) applyAction(draft, action, env)
  if (draft.phase === null) throw new Error('SecDefaultAction needs a phase')
  if (draft.disruption === null) throw new Error('SecDefaultAction needs pass, deny, drop, allow or redirect')
  if (draft.disruption === 'block')
    throw new Error('SecDefaultAction says what block means: it cannot be block itself')
  if (
    draft.id !== 0 ||
    draft.chain ||
    draft.skip !== 0 ||
    draft.skipAfter !== null ||
    draft.effects.length > 0
  ) {
    throw new Error('SecDefaultAction takes no id, chain, skip, setvar or ctl')
  }
  const { disruption, transformations, status } = draft
  const log = draft.log ?? true
  return [
    draft.phase,
    { log, auditLog: draft.auditLog ?? log, disruption, status: status ?? 403, transformations },
  ]
}
