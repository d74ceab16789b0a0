// A rule set of the config, compiled. Main thread to check it, worker to run it.
import type { Clock, FileReader } from '../../gateway/contract/ports.ts'
import { createExclusionFinder, type ExclusionFinder } from './policy.ts'
import { createRuleReader, readRuleTexts } from './rule-files.ts'
import type { RuleSource, WafConfig } from './schema.ts'
import type { Rule } from './seclang/model.ts'
import { buildWaf, createWaf, type Waf, type WafEnv } from './seclang/waf.ts'
import { warmUp } from './warm-up.ts'

export interface Engine {
  readonly waf: Waf
  readonly exclusionsFor: ExclusionFinder
  /** By rule number. */
  readonly rules: ReadonlyMap<number, Rule>
}

export type EngineClock = Pick<Clock, 'wallMs' | 'monotonicMs'>

/** At once. Throws a RuleFileError or SecLangError that says what is wrong. */
export function checkEngine(source: RuleSource, config: WafConfig, files: FileReader): Engine {
  const clock = { wallMs: () => 0, monotonicMs: () => 0 }
  return toEngine(createWaf(readRuleTexts(source, config, files), envOf(files, clock)), config)
}

/** In slices, so that a worker that serves requests meanwhile is not held up. */
export async function buildEngine(
  source: RuleSource,
  config: WafConfig,
  files: FileReader,
  clock: EngineClock,
): Promise<Engine> {
  const engine = toEngine(await buildWaf(readRuleTexts(source, config, files), envOf(files, clock)), config)
  await warmUp(engine)
  engine.waf.hits.fill(0)
  return engine
}

function envOf(files: FileReader, clock: EngineClock): WafEnv {
  return { ...createRuleReader(files), nowMs: () => clock.wallMs(), clockMs: () => clock.monotonicMs() }
}

function toEngine(waf: Waf, config: WafConfig): Engine {
  return {
    waf,
    exclusionsFor: createExclusionFinder(waf, config),
    rules: new Map(waf.rules.map((rule) => [rule.id, rule])),
  }
}
