// Reads `--scenarios` and `--gateways`: comma-separated names.
import type { Scenario } from './scenario.ts'

export interface Choice {
  readonly scenarios: string | undefined
  readonly gateways: string | undefined
}

/** Without a choice all of `usual`. The yardstick is measured in any case. Throws on a name that nobody has. */
export function chooseScenarios(
  all: readonly Scenario[],
  usual: readonly Scenario[],
  choice: Choice,
): readonly Scenario[] {
  const scenarios = pick('--scenarios', all, choice.scenarios) ?? usual
  if (choice.gateways === undefined) return scenarios
  const known = scenarios.flatMap(({ gateways }) => gateways)
  const names = new Set(pick('--gateways', known, choice.gateways)?.map(({ name }) => name))
  return scenarios.map((scenario) => ({
    ...scenario,
    gateways: scenario.gateways.filter(({ name }, index) => index === 0 || names.has(name)),
  }))
}

function pick<T extends { readonly name: string }>(
  flag: string,
  all: readonly T[],
  list: string | undefined,
): readonly T[] | undefined {
  if (list === undefined) return undefined
  const wanted = list.split(',').map((name) => name.trim())
  const unknown = wanted.filter((name) => !all.some((one) => one.name === name))
  if (unknown.length > 0) {
    const names = [...new Set(all.map(({ name }) => name))].join(', ')
    throw new Error(`${flag}: nothing is named ${unknown.join(', ')}. There is: ${names}.`)
  }
  return all.filter(({ name }) => wanted.includes(name))
}
