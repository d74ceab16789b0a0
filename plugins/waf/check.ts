// What the schema of the waf plugin cannot say: exclusions that would leave out everything, and the rule files themselves.
// Main thread, at load.
import type { FileReader } from '../../gateway/contract/ports.ts'
import { checkEngine } from './engine.ts'
import { RuleFileError } from './rule-files.ts'
import type { RuleSource, WafConfig } from './schema.ts'
import { SecLangError } from './seclang/problem.ts'

type Problem = { pointer: string; message: string }

/** One place of a broken file usually explains those that follow it. */
const shownProblems = 20

export function checkWaf(config: Readonly<WafConfig>): Problem[] {
  return config.exclusions.flatMap(({ ruleIds, tags, targets }, index) =>
    ruleIds.length + tags.length + targets.length > 0
      ? []
      : [
          {
            pointer: `/exclusions/${index}`,
            message: 'this leaves out every rule; name ruleIds, tags or targets',
          },
        ],
  )
}

export function checkRuleFiles(config: Readonly<WafConfig>, files: FileReader): Problem[] {
  const problems = checkSource(config, '', config, files)
  if (config.dryRun === undefined) return problems
  return [...problems, ...checkSource(config.dryRun, '/dryRun', config, files)]
}

function checkSource(source: RuleSource, at: string, config: WafConfig, files: FileReader): Problem[] {
  try {
    checkEngine(source, config, files)
    return []
  } catch (error) {
    if (error instanceof SecLangError)
      return error.problems.slice(0, shownProblems).map((one) => toProblem(one, at))
    if (error instanceof RuleFileError) return [{ pointer: at + error.pointer, message: error.message }]
    const message = (error as Error).message
    const exclusion = /^exclusions\/\d+(?=: )/.exec(message)?.[0]
    if (exclusion !== undefined)
      return [{ pointer: `/${exclusion}`, message: message.slice(exclusion.length + 2) }]
    return [{ pointer: `${at}/rules`, message }]
  }
}

function toProblem(
  { file, line, message }: { file: string; line: number; message: string },
  at: string,
): Problem {
  const setup = /^setup\[(\d+)\]$/.exec(file)?.[1]
  if (setup !== undefined) return { pointer: `${at}/setup/${setup}`, message: `line ${line}: ${message}` }
  return { pointer: `${at}/rules`, message: `${file}:${line}: ${message}` }
}
