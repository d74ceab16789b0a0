// Which rules a SecRuleRemove..., SecRuleUpdate... or ctl:ruleRemove... means: by id and range, tag, message.

import type { RuleMatcher } from './model.ts'
import type { PatternCompiler } from './targets.ts'

/** `942100`, `942100-942199`, several with blanks or commas between. */
export function matchId(text: string): RuleMatcher {
  const ranges = text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(parseRange)
  if (ranges.length === 0) throw new Error('no rule id is given')
  return (rule) => ranges.some(([from, to]) => rule.id >= from && rule.id <= to)
}

function parseRange(text: string): readonly [from: number, to: number] {
  const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text)
  if (match === null) throw new Error(`"${text}" is no rule id and no range of ids`)
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  if (to < from) throw new Error(`the range ${text} runs backwards`)
  return [from, to]
}

/** The tag is a regular expression that has to be found in one of the rule's tags; plain tags are that too. */
export function matchTag(pattern: string, compile: PatternCompiler): RuleMatcher {
  const matches = compile(pattern)
  return (rule) => rule.tags.some(matches)
}

export function matchMessage(pattern: string, compile: PatternCompiler): RuleMatcher {
  const matches = compile(pattern)
  return (rule) => rule.message !== null && matches(rule.message.text)
}
