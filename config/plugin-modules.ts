// Loads operators' own plugin modules: entries of plugins.json whose `plugin` is a path. The content's hash is part of
// the module's URL, so that changed code is loaded again and workers load the very same. Main thread.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import type { ConfigProblem } from '../gateway/contract/errors.ts'
import type { PluginDefinition } from '../gateway/contract/plugin.ts'
import { valueAt } from './pointer.ts'
import { kindOf, quote } from './wording.ts'

export interface PluginModules {
  /** By URL with `?v=`, as in the snapshot's PluginEntry.plugin. */
  readonly definitions: ReadonlyMap<string, PluginDefinition>
  /** From the path as the operator wrote it to that URL; null when the module cannot be used. */
  readonly urls: ReadonlyMap<string, string | null>
  readonly problems: readonly ConfigProblem[]
}

export function isModulePath(plugin: string): boolean {
  return plugin.startsWith('./') || plugin.startsWith('../') || plugin.startsWith('/')
}

/** Absolute paths of the modules that plugins.json names, for watching. */
export function listModuleFiles(plugins: JsonObject, configDir: string): string[] {
  return [...modulePaths(plugins).keys()].map((path) => resolve(configDir, path))
}

export async function loadPluginModules(plugins: JsonObject, configDir: string): Promise<PluginModules> {
  const definitions = new Map<string, PluginDefinition>()
  const urls = new Map<string, string | null>()
  const problems: ConfigProblem[] = []
  for (const [path, pointer] of modulePaths(plugins)) {
    const loaded = await loadModule(resolve(configDir, path))
    if ('problem' in loaded) {
      urls.set(path, null)
      problems.push({ file: 'plugins.json', pointer, message: `The module ${quote(path)} ${loaded.problem}` })
    } else {
      urls.set(path, loaded.url)
      definitions.set(loaded.url, loaded.definition)
    }
  }
  return { definitions, urls, problems }
}

/** Every path once, with the place that first names it. */
function modulePaths(plugins: JsonObject): Map<string, string> {
  const paths = new Map<string, string>()
  const list: unknown = plugins.plugins
  if (!Array.isArray(list)) return paths
  for (const [index, entry] of list.entries()) {
    const plugin = valueAt(entry, ['plugin'])
    if (typeof plugin === 'string' && isModulePath(plugin) && !paths.has(plugin)) {
      paths.set(plugin, `/plugins/${index}/plugin`)
    }
  }
  return paths
}

type Loaded = { readonly url: string; readonly definition: PluginDefinition } | { readonly problem: string }

async function loadModule(file: string): Promise<Loaded> {
  let content: Buffer
  try {
    content = await readFile(file)
  } catch (error) {
    return { problem: `cannot be read: ${(error as Error).message}.` }
  }
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
  const url = `${pathToFileURL(file).href}?v=${hash}`
  try {
    const module = (await import(url)) as { default?: unknown }
    const problem = definitionProblem(module.default)
    return problem === null ? { url, definition: module.default as PluginDefinition } : { problem }
  } catch (error) {
    return { problem: `cannot be loaded: ${error instanceof Error ? error.message : String(error)}.` }
  }
}

const facts: readonly unknown[] = ['requestId', 'tenant', 'identity']
const enforceable: readonly unknown[] = ['auth', 'roles', 'permission']

/** null when `candidate` has the form of a PluginDefinition. */
export function definitionProblem(candidate: unknown): string | null {
  const form = 'see gateway/contract/plugin.ts for the form of a plugin'
  if (typeof candidate !== 'object' || candidate === null) {
    const found =
      candidate === undefined ? 'has no default export' : `has ${kindOf(candidate)} as default export`
    return `${found}; it must export a plugin definition as default (${form}).`
  }
  const one = candidate as Record<string, unknown>
  const wrong: string[] = []
  if (typeof one.name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(one.name)) {
    wrong.push('"name" must be a name of letters, digits, ".", "_" and "-"')
  }
  if (valueAt(one.schema, ['type']) !== 'object') wrong.push('"schema" must be the schema of an object')
  if (one.isLenient !== undefined && typeof one.isLenient !== 'function')
    wrong.push('"isLenient" must be a function')
  if (one.onFailure !== 'deny' && one.onFailure !== 'allow')
    wrong.push('"onFailure" must be "deny" or "allow"')
  if (typeof one.create !== 'function') wrong.push('"create" must be a function')
  if (one.check !== undefined && typeof one.check !== 'function') wrong.push('"check" must be a function')
  if (!isListOf(one.needs, facts)) wrong.push('"needs" must be a list of "requestId", "tenant", "identity"')
  if (!isListOf(one.provides, facts))
    wrong.push('"provides" must be a list of "requestId", "tenant", "identity"')
  if (!isListOf(one.enforces, enforceable))
    wrong.push('"enforces" must be a list of "auth", "roles", "permission"')
  if (one.hookTimeoutMs !== undefined && !isCount(one.hookTimeoutMs)) {
    wrong.push('"hookTimeoutMs" must be a whole number of milliseconds')
  }
  if (one.body !== undefined && !isCount(valueAt(one.body, ['inspectUpTo']))) {
    wrong.push('"body.inspectUpTo" must be a whole number of bytes')
  }
  return wrong.length === 0 ? null : `does not export a plugin definition: ${wrong.join('; ')} (${form}).`
}

function isListOf(value: unknown, allowed: readonly unknown[]): boolean {
  return value === undefined || (Array.isArray(value) && value.every((one) => allowed.includes(one)))
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0
}
