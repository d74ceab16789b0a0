// All that is fuzzed.
import type { Target } from './target.ts'
import { configTargets } from './targets/config.ts'
import { parserTargets } from './targets/http1-parsers.ts'
import { tokenTargets } from './targets/tokens.ts'

export const targets: readonly Target[] = [...parserTargets, ...configTargets, ...tokenTargets]

/** Throws for a name that no target has. */
export function findTarget(name: string): Target {
  const found = targets.find((target) => target.name === name)
  if (found === undefined)
    throw new Error(`No target is called "${name}"; there are: ${targets.map((one) => one.name).join(', ')}.`)
  return found
}
