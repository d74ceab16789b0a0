// SecRuleUpdateTarget... and SecRuleUpdateActionById: a rule with some of its parts replaced. Called at load.

import { splitActions } from './action-text.ts'
import { type ActionEnv, applyAction, createDraft } from './actions.ts'
import type { Rule } from './model.ts'
import type { DefaultActions } from './rule-parser.ts'
import { type PatternCompiler, parseTargets, type Target } from './targets.ts'

/**
 * Adds `text` to the rule's targets, or puts it in the place of the target `replaced`. Exclusions reach every link of
 * a chain: who excludes ARGS:q from a rule means the whole rule.
 */
export function updateTargets(
  rule: Rule,
  text: string,
  replaced: string | null,
  compile: PatternCompiler,
): Rule {
  if (text === '') throw new Error('no target is given')
  const change = parseTargets(text, compile)
  const { targets } = rule
  if (targets === null) return rule
  const dropped = replaced === null ? [] : parseTargets(replaced, compile).included
  const kept = targets.included.filter((target) => !dropped.some((other) => isSame(target, other)))
  return {
    ...rule,
    targets: { included: [...kept, ...change.included], excluded: [...targets.excluded, ...change.excluded] },
    chained: rule.chained === null ? null : excludeInLinks(rule.chained, change.excluded),
  }
}

function excludeInLinks(rule: Rule, excluded: readonly Target[]): Rule {
  return {
    ...rule,
    targets: rule.targets && { ...rule.targets, excluded: [...rule.targets.excluded, ...excluded] },
    chained: rule.chained && excludeInLinks(rule.chained, excluded),
  }
}

export function isSame(a: Target, b: Target): boolean {
  return a.variable === b.variable && a.count === b.count && a.selector?.source === b.selector?.source
}

interface UpdateEnv extends ActionEnv {
  defaultsOf(phase: Rule['phase']): DefaultActions
}

/** Actions given take the place of the rule's own; tags and effects are added, as are transformations unless t:none comes first. */
export function updateActions(rule: Rule, text: string, env: UpdateEnv): Rule {
  const draft = createDraft()
  for (const action of splitActions(text)) applyAction(draft, action, env)
  if (draft.id !== 0 && draft.id !== rule.id) throw new Error('an update cannot change the id of a rule')
  if (draft.phase !== null || draft.chain)
    throw new Error('an update cannot change the phase or the chain of a rule')
  const disruption = draft.disruption === 'block' ? env.defaultsOf(rule.phase).disruption : draft.disruption
  return {
    ...rule,
    transformations: draft.ownTransformations
      ? draft.transformations
      : [...rule.transformations, ...draft.transformations],
    message: draft.message ?? rule.message,
    logData: draft.logData ?? rule.logData,
    tags: [...rule.tags, ...draft.tags],
    severity: draft.severity ?? rule.severity,
    version: draft.version || rule.version,
    log: draft.log ?? rule.log,
    auditLog: draft.auditLog ?? rule.auditLog,
    capture: draft.capture || rule.capture,
    multiMatch: draft.multiMatch || rule.multiMatch,
    disruption: disruption ?? rule.disruption,
    status: draft.status ?? rule.status,
    effects: [...rule.effects, ...draft.effects],
    skip: draft.skip || rule.skip,
    skipAfter: draft.skipAfter ?? rule.skipAfter,
  }
}
