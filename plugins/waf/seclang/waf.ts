// The engine's front door: rule texts in, a Waf out, which makes transactions. Knows nothing of the gateway.

import type { Exclusions, TargetRemoval } from './controls.ts'
import type { Rule } from './model.ts'
import { noCapture, OperatorTable } from './operator-table.ts'
import { createDynamicOperator } from './operators/create.ts'
import type { Link, Plan } from './plan.ts'
import { PlanBuilder } from './plan-builder.ts'
import { SecLangError, type SecLangProblem } from './problem.ts'
import { matchId, matchTag } from './rule-matcher.ts'
import { type RuleSet, RuleSetParser, type RuleText } from './rule-set.ts'
import { parseTargets } from './targets.ts'
import { TextCache } from './text-cache.ts'
import { Transaction, type TransactionEnv, type TransactionOptions } from './transaction.ts'
import { transformationTriggers } from './transformation-triggers.ts'
import { transformations } from './transformations/table.ts'

export interface WafEnv {
  /** The bytes of a data file as latin1; `from` is the rule file that names it. Throws an error that names the path. */
  readFile(name: string, from: string): string
  /** The rule files that an Include means, in alphabetical order; throws an error when there is none. */
  include(pattern: string, from: string): readonly RuleText[]
  nowMs(): number
  /** Monotonic. */
  clockMs(): number
}

/** Rules or targets to leave out: `{ ruleIds: ['942100', '920000-920999'], tags: [], targets: ['ARGS:q'] }`. */
export interface ExclusionText {
  readonly ruleIds: readonly string[]
  readonly tags: readonly string[]
  /** Empty: the rules do not run at all. */
  readonly targets: readonly string[]
}

export class Waf {
  readonly plan: Plan
  readonly notes: readonly SecLangProblem[]
  /** By rule index: how often it matched. */
  readonly hits: Float64Array
  readonly #operators: OperatorTable
  readonly #transactions: TransactionEnv

  constructor(plan: Plan, notes: readonly SecLangProblem[], operators: OperatorTable, env: WafEnv) {
    this.plan = plan
    this.notes = notes
    this.hits = new Float64Array(plan.rules.length)
    this.#operators = operators
    const { nowMs, clockMs } = env
    this.#transactions = { plan, nowMs, clockMs, hits: this.hits, texts: new TextCache() }
  }

  get rules(): readonly Rule[] {
    return this.plan.rules.map(({ rule }) => rule)
  }

  createTransaction(options: TransactionOptions = {}): Transaction {
    return new Transaction(this.#transactions, options)
  }

  /** Throws an error for a range, tag or target that cannot be read. Compile once, give to many transactions. */
  compileExclusions(texts: readonly ExclusionText[]): Exclusions {
    const removed = new Uint8Array(this.plan.rules.length)
    const targets: TargetRemoval[] = []
    for (const text of texts) {
      const matchers = [
        ...text.ruleIds.map((ids) => matchId(ids)),
        ...text.tags.map((tag) => matchTag(tag, this.#operators.compilePattern)),
      ]
      const excluded = text.targets.flatMap(
        (target) => parseTargets(target, this.#operators.compilePattern).included,
      )
      const meant = excluded.length === 0 ? removed : new Uint8Array(this.plan.rules.length)
      for (const { rule, index } of this.plan.rules) {
        if (matchers.length === 0 || matchers.some((matches) => matches(rule))) meant[index] = 1
      }
      if (excluded.length > 0) targets.push({ rules: meant, targets: excluded })
    }
    return { rules: removed, targets }
  }
}

/** Compiles in one go; patterns are made when first used. Throws a SecLangError that lists every bad place. */
export function createWaf(texts: readonly RuleText[], env: WafEnv): Waf {
  const steps = compile(texts, env)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/**
 * Compiles in slices of about `sliceMs`, letting go of the event loop between them, and makes every pattern ready, so that
 * no request pays for that. Throws a SecLangError that lists every bad place.
 */
export async function buildWaf(texts: readonly RuleText[], env: WafEnv, sliceMs = 10): Promise<Waf> {
  const steps = compileReady(texts, env)
  let started = env.clockMs()
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    if (env.clockMs() - started < sliceMs) continue
    await new Promise<void>((resolve) => setImmediate(resolve))
    started = env.clockMs()
  }
}

function* compileReady(texts: readonly RuleText[], env: WafEnv): Generator<void, Waf> {
  const waf = yield* compile(texts, env)
  for (const { head } of waf.plan.rules) {
    for (let link: Link | null = head; link !== null; link = link.next) {
      link.operator?.evaluate('a', noCapture)
      yield
    }
  }
  return waf
}

function* compile(texts: readonly RuleText[], env: WafEnv): Generator<void, Waf> {
  const operators = new OperatorTable(env)
  const set = yield* parse(texts, env, operators)
  const builder = new PlanBuilder(set, {
    transformations,
    triggers: transformationTriggers,
    compile: operators.compilePattern,
    operatorOf: (rule) => operators.of(rule.operator as NonNullable<Rule['operator']>, rule.file),
    dynamicOperatorOf: (rule) => createDynamicOperator((rule.operator as NonNullable<Rule['operator']>).name),
  })
  const plan = yield* builder.build()
  return new Waf(plan, set.notes, operators, env)
}

function* parse(texts: readonly RuleText[], env: WafEnv, operators: OperatorTable): Generator<void, RuleSet> {
  const parser = new RuleSetParser({
    compile: operators.compilePattern,
    isTransformation: (name) => transformations.has(name),
    include: (pattern, from) => env.include(pattern, from),
    checkOperator: (operator, file) => operators.check(operator, file),
  })
  for (const text of texts) yield* parser.read(text)
  if (parser.problems.length > 0) throw new SecLangError(parser.problems)
  return parser.finish()
}
