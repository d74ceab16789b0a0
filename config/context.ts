// What a config is built with besides its files. Main thread.
import type { ConfigProblem } from '../gateway/contract/errors.ts'
import type { PluginDefinition } from '../gateway/contract/plugin.ts'
import type { EnvironmentOverrides } from './env.ts'
import type { FileChecks } from './plugin-file-checks.ts'
import type { PluginModules } from './plugin-modules.ts'
import type { ValidatorCache } from './validate.ts'

export interface BuildContext {
  readonly configDir: string
  /** Environment variables for placeholders. */
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly overrides: EnvironmentOverrides
  /** The plugins of the registry by name. */
  readonly definitions: ReadonlyMap<string, PluginDefinition>
  /** Keep one per process: without it, every plugin's schema is compiled again for every build. */
  readonly validators?: ValidatorCache
  /** Keep one per process: without it, every plugin's files are read and checked again for every build. */
  readonly fileChecks?: FileChecks
  /** What loadPluginModules gave for these files; its problems are added to the others. */
  readonly modules?: PluginModules
  /** What readConfigFiles found; files that it could not read are then not checked again in vain. */
  readonly known?: readonly ConfigProblem[]
}
