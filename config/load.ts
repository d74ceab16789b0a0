// From the three files on disk to a snapshot: read, substitute, validate, cross-check, normalise. Nothing is thrown
// for a bad config: all its problems are returned at once. Main thread; called by gateway/control.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigFiles, JsonObject } from '../gateway/contract/control-api.ts'
import type { ConfigFileName, ConfigProblem } from '../gateway/contract/errors.ts'
import type { PluginEntry, Snapshot } from '../gateway/contract/snapshot.ts'
import { checkAll } from './check/all.ts'
import { inspectFile } from './check/inspected.ts'
import { readPluginEntries } from './check/plugin-entries.ts'
import type { BuildContext } from './context.ts'
import { parseJsonText } from './json-text.ts'
import {
  freezeDeep,
  toGatewayConfig,
  toRouteConfig,
  toTenancyConfig,
  toTenant,
  toUpstreams,
} from './normalise.ts'
import type { PluginModules } from './plugin-modules.ts'
import { anchorPointer } from './pointer.ts'
import { createProblemList } from './problems.ts'
import { kindOf } from './wording.ts'

export const fileNames = { gateway: 'gateway.json', routes: 'routes.json', plugins: 'plugins.json' } as const
const largestFileBytes = 64 * 1024 * 1024

export interface ReadResult {
  /** A file that cannot be read at all is given as `{}`; a problem with pointer '' then names it. */
  readonly files: ConfigFiles
  readonly problems: readonly ConfigProblem[]
}

export type BuildResult =
  | ({
      readonly ok: true
      readonly snapshot: Omit<Snapshot, 'version'>
      readonly warnings: string[]
    } & Looked)
  | ({ readonly ok: false; readonly problems: ConfigProblem[] } & Looked)

interface Looked {
  /** Absolute paths of files and directories that plugins read or missed: a change of one may make another config. */
  readonly looked: readonly string[]
}

export async function readConfigFiles(dir: string): Promise<ReadResult> {
  const problems: ConfigProblem[] = []
  const take = (file: ConfigFileName, result: ReadObject): JsonObject => {
    if ('problem' in result) {
      problems.push({ file, pointer: '', message: result.problem })
      return {}
    }
    for (const problem of result.problems) problems.push({ file, ...problem })
    return result.value
  }
  const read = (file: ConfigFileName) => readJsonObject(join(dir, file))
  const [gateway, routes, plugins] = await Promise.all([
    read(fileNames.gateway),
    read(fileNames.routes),
    read(fileNames.plugins),
  ])
  const files = {
    gateway: take(fileNames.gateway, gateway),
    routes: take(fileNames.routes, routes),
    plugins: take(fileNames.plugins, plugins),
  }
  return { files, problems }
}

export type ReadObject =
  | { readonly value: JsonObject; readonly problems: readonly { pointer: string; message: string }[] }
  | { readonly problem: string }

async function readJsonObject(path: string): Promise<ReadObject> {
  const content = await readText(path)
  return typeof content === 'string' ? parseConfigText(content) : content
}

/** One config file's text, wherever it comes from. */
export function parseConfigText(text: string): ReadObject {
  if (text.trim() === '') return { problem: 'The file is empty; it must hold one JSON object.' }
  const parsed = parseJsonText(text)
  if (!parsed.ok) return { problem: `This is not valid JSON: ${parsed.message}.` }
  const { value, problems } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: `The file must hold one JSON object; found ${kindOf(value)}.` }
  }
  return { value: value as JsonObject, problems }
}

async function readText(path: string): Promise<string | { readonly problem: string }> {
  let bytes: Buffer
  try {
    const stats = await stat(path)
    // Opening a pipe would wait for a writer, for ever.
    if (!stats.isFile()) return { problem: 'This is not a regular file.' }
    if (stats.size > largestFileBytes) {
      return { problem: `The file has ${stats.size} bytes; at most ${largestFileBytes} are read.` }
    }
    bytes = await readFile(path)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return {
      problem: missing
        ? `The file is missing (${path}).`
        : `The file cannot be read: ${(error as Error).message}.`,
    }
  }
  if (startsWithUtf16Mark(bytes)) return { problem: 'The file is UTF-16; save it as UTF-8.' }
  try {
    // A UTF-8 byte order mark, which some editors write, is dropped by the decoder.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { problem: 'The file is not UTF-8 text.' }
  }
}

function startsWithUtf16Mark(bytes: Buffer): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
}

export function buildSnapshot(files: ConfigFiles, context: BuildContext): BuildResult {
  const problems = createProblemList()
  const warnings: string[] = []
  for (const problem of context.known ?? []) problems.add(problem)
  for (const problem of context.modules?.problems ?? []) problems.add(problem)
  const checked = checkAll(files, context, problems, (message) => warnings.push(message))
  const looked = [...checked.pluginFiles.looked, ...checked.upstreamTls.looked]
  if (problems.count > 0) {
    return { ok: false, problems: problems.list().map((one) => anchored(one, files)), looked }
  }
  const { gateway, routes, plugins } = checked
  return {
    ok: true,
    warnings,
    looked,
    snapshot: freezeDeep({
      gateway: toGatewayConfig(gateway, context.configDir, context.overrides.adminToken),
      tenancy: toTenancyConfig(routes.tenancy),
      tenants: routes.tenants.map(toTenant),
      plans: routes.plans,
      upstreams: toUpstreams(routes.upstreams, checked.upstreamTls),
      routes: routes.routes.map(toRouteConfig),
      slashes: routes.slashes,
      plugins: plugins.plugins.map((entry, index) => {
        const recorded = checked.pluginFiles.recorded.get(`/plugins/${index}`)
        const named = withModuleUrl(entry, context.modules)
        return recorded === undefined ? named : { ...named, files: recorded }
      }),
    }),
  }
}

export type EntryResult =
  | { readonly ok: true; readonly entry: PluginEntry; readonly looked: readonly string[] }
  | {
      readonly ok: false
      /** Pointers are relative to the entry. */
      readonly problems: readonly { readonly pointer: string; readonly message: string }[]
      readonly looked: readonly string[]
    }

/** One entry of plugins.json by itself: placeholders, schema, checks and files, but nothing of the chain around it. */
export function buildPluginEntry(entry: JsonObject, context: BuildContext): EntryResult {
  const problems = createProblemList()
  const inspected = inspectFile('plugins.json', { plugins: [entry] }, context, problems)
  const { chain, files } = readPluginEntries({ ...inspected, context, host: null })
  const looked = [...files.looked]
  const value = chain[0]?.value
  if (problems.count === 0 && value !== undefined) {
    const recorded = files.recorded.get('/plugins/0')
    const built = recorded === undefined ? value : { ...value, files: recorded }
    return { ok: true, entry: freezeDeep(built), looked }
  }
  const relative = problems.list().map(({ pointer, message }) => ({
    pointer: pointer.replace(/^\/plugins\/0/, ''),
    message,
  }))
  return { ok: false, problems: relative, looked }
}

function withModuleUrl(entry: PluginEntry, modules: PluginModules | undefined): PluginEntry {
  return { ...entry, plugin: modules?.urls.get(entry.plugin) ?? entry.plugin }
}

function anchored(problem: ConfigProblem, files: ConfigFiles): ConfigProblem {
  const file = { 'gateway.json': files.gateway, 'routes.json': files.routes, 'plugins.json': files.plugins }
  return { ...problem, pointer: anchorPointer(file[problem.file], problem.pointer) }
}
