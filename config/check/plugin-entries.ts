// Finds the definition of every plugin entry and checks the entry's config by it, filling in defaults.
import type { HostFacts, PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { RecordedFiles } from '../../gateway/contract/recorded-files.ts'
import type { BuildContext } from '../context.ts'
import { type CheckedPluginFiles, toChecked } from '../plugin-file-checks.ts'
import { createFileRecorder } from '../plugin-files.ts'
import { isModulePath } from '../plugin-modules.ts'
import { valueAt } from '../pointer.ts'
import type { PluginsFile } from '../schema/plugins.ts'
import { createValidatorCache, type ValidatorCache } from '../validate.ts'
import { quote, suggest } from '../wording.ts'
import type { Inspected } from './inspected.ts'
import type { ChainEntry } from './plugins.ts'
import { subjectOf } from './subject.ts'

export interface EntriesCheck extends Inspected {
  readonly context: BuildContext
  /** null: gateway.json has mistakes where it would say. */
  readonly host: HostFacts | null
}

interface ConfigCheck extends EntriesCheck {
  readonly validators: ValidatorCache
  readonly files: PluginFiles
}

/** What plugins read while their configs were checked. */
export interface PluginFiles {
  /** By the entry's pointer. */
  readonly recorded: Map<string, RecordedFiles>
  /** Absolute paths that a change of which may make another config. */
  readonly looked: Set<string>
}

export interface ReadEntries {
  readonly chain: ChainEntry[]
  /** Every entry is sound and its plugin is known. */
  readonly complete: boolean
  readonly files: PluginFiles
}

export function readPluginEntries(check: EntriesCheck): ReadEntries {
  const chain: ChainEntry[] = []
  const files: PluginFiles = { recorded: new Map(), looked: new Set() }
  const list = check.value.plugins
  if (!Array.isArray(list) || !check.places.isSound('/plugins')) return { chain, complete: false, files }
  const validators = check.context.validators ?? createValidatorCache()
  let complete = true
  for (const [index, value] of list.entries()) {
    const pointer = `/plugins/${index}`
    const definition = findDefinition(valueAt(value, ['plugin']), pointer, check)
    if (definition !== null)
      checkConfig(definition, valueAt(value, ['config']), pointer, { ...check, validators, files })
    const sound = check.places.isSound(pointer)
    if (sound) chain.push({ value: value as PluginsFile['plugins'][number], pointer, definition })
    complete &&= sound && definition !== null
  }
  return { chain, complete, files }
}

function findDefinition(plugin: unknown, pointer: string, check: EntriesCheck): PluginDefinition | null {
  const { context, report, value } = check
  if (typeof plugin !== 'string') return null
  const url = context.modules?.urls.get(plugin)
  // A module that could not be loaded is already reported, once for all entries that name it.
  if (url === null) return null
  const definition =
    url === undefined ? context.definitions.get(plugin) : context.modules?.definitions.get(url)
  if (definition !== undefined) return definition
  const subject = subjectOf('plugins.json', value, pointer)
  const known = [...context.definitions.keys()]
  report(
    `${pointer}/plugin`,
    isModulePath(plugin)
      ? `${subject}the module ${quote(plugin)} has not been loaded; its path must be written without placeholders.`
      : `${subject}there is no plugin ${quote(plugin)}.${suggest(plugin, known)} Known plugins: ${known.join(', ')}; a module of your own is named by a path such as "./custom/my-plugin.ts".`,
  )
  return null
}

function checkConfig(
  definition: PluginDefinition,
  config: unknown,
  pointer: string,
  check: ConfigCheck,
): void {
  const { report, value, whole, filled } = check
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return
  const at = `${pointer}/config`
  const subject = subjectOf('plugins.json', value, pointer)
  try {
    const input = { value: config as Record<string, unknown>, at, whole, filled }
    const mistakes = check.validators.validatorOf(definition.schema)(input)
    for (const mistake of mistakes) {
      const place = at + mistake.pointer
      if (!check.unfilled.has(place)) report(place, subject + mistake.message)
    }
    if (mistakes.length > 0) return
    const problems = definition.check?.(config as never, check.host ?? undefined) ?? []
    const found = problems.length > 0 ? problems : checkFiles(definition, config as never, pointer, check)
    for (const problem of found) report(at + problem.pointer, `${subject}${problem.message}`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    report(at, `${subject}its config cannot be checked, because the plugin itself failed: ${reason}.`)
  }
}

function checkFiles(
  definition: PluginDefinition,
  config: never,
  pointer: string,
  { context, files }: ConfigCheck,
): readonly { pointer: string; message: string }[] {
  if (definition.checkFiles === undefined) return []
  const known = context.fileChecks?.find(definition, config)
  if (known !== undefined) {
    keep(known, pointer, files)
    return []
  }
  const recorder = createFileRecorder(context)
  try {
    const problems = definition.checkFiles(config, recorder)
    if (problems.length === 0) context.fileChecks?.keep(definition, config, toChecked(recorder))
    return problems
  } finally {
    keep(toChecked(recorder), pointer, files)
  }
}

function keep({ recorded, looked }: CheckedPluginFiles, pointer: string, files: PluginFiles): void {
  for (const path of looked) files.looked.add(path)
  if (recorded !== null) files.recorded.set(pointer, recorded)
}
