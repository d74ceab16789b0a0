// Placeholders, overrides and schema of one file: what every further check starts from.
import type { JsonObject } from '../../gateway/contract/control-api.ts'
import type { ConfigFileName } from '../../gateway/contract/errors.ts'
import type { BuildContext } from '../context.ts'
import type { ProblemList, Report } from '../problems.ts'
import { gatewayFileSchema } from '../schema/gateway.ts'
import { pluginsFileSchema } from '../schema/plugins.ts'
import { routesFileSchema } from '../schema/routes.ts'
import { substitute } from '../substitute.ts'
import { createValidator, type Validator } from '../validate.ts'
import { applyOverrides } from './overrides.ts'
import { createPlaces, type Places } from './places.ts'
import { subjectOf } from './subject.ts'

export interface Inspected {
  readonly value: Record<string, unknown>
  readonly places: Places
  readonly report: Report
  readonly whole: ReadonlySet<string>
  readonly filled: ReadonlySet<string>
  /** Pointers of values whose placeholders could not be filled: reported, so what a schema says of them is noise. */
  readonly unfilled: ReadonlySet<string>
}

/** Compiled once per process. */
const validators: Readonly<Record<ConfigFileName, Validator>> = {
  'gateway.json': createValidator(gatewayFileSchema),
  'routes.json': createValidator(routesFileSchema),
  'plugins.json': createValidator(pluginsFileSchema),
}

export function inspectFile(
  name: ConfigFileName,
  json: JsonObject,
  context: BuildContext,
  problems: ProblemList,
): Inspected {
  const report = problems.reporter(name)
  const nothing = new Set<string>()
  if (context.known?.some((one) => one.file === name && one.pointer === '') === true) {
    return {
      value: {},
      places: createPlaces(['']),
      report,
      whole: nothing,
      filled: nothing,
      unfilled: nothing,
    }
  }
  const broken: string[] = []
  const note: Report = (pointer, message) => {
    broken.push(pointer)
    report(pointer, message)
  }
  const { configDir, variables } = context
  const { value, whole, filled, texts } = substitute(json, { configDir, variables, report: note })
  problems.hide(texts)
  const object = value as Record<string, unknown>
  if (name === 'gateway.json') applyOverrides(object, context.overrides)
  const unfilled = new Set(broken)
  for (const mistake of validators[name]({ value: object, at: '', whole, filled })) {
    if (unfilled.has(mistake.pointer)) continue
    if (mistake.breaks) broken.push(mistake.pointer)
    report(mistake.pointer, subjectOf(name, object, mistake.pointer) + mistake.message)
  }
  return { value: object, places: createPlaces(broken), report, whole, filled, unfilled }
}
