// The rules of the house as a table: what each forbids, how it is found, and a snippet that must be caught by it.
import { cyclesOf } from './cycles.ts'
import { layerOf, mayImport, mayUse } from './layers.ts'
import type { Finding, Source } from './source.ts'
import { topLevelEffects, topLevelState } from './top-level.ts'

export interface Rule {
  /** Reads as the end of "Aegis ...". */
  readonly name: string
  check(sources: readonly Source[]): readonly Finding[]
  /** Path -> text; each entry of the list is a tree in which the rule must find something. */
  readonly caught: readonly Readonly<Record<string, string>>[]
  /** Trees that look alike and are allowed. */
  readonly allowed?: readonly Readonly<Record<string, string>>[]
}

/** The module of an entry is the thread that it runs: what it holds lives as long as that. */
const entries = /^gateway\/(main|worker)\.ts$/
const product = /^(gateway|plugins|config|admin)\//
const unclearNames = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'misc',
  'manager',
  'service',
  'base',
  'data',
  'info',
])
/** Longer than 400 lines because they are tables. */
const dataTables: readonly string[] = []
const lineLimits: readonly (readonly [RegExp, number])[] = [
  [/^gateway\/dataplane\/pipeline\.ts$/, 80],
  [/^plugins\/[^/]+\/index\.ts$/, 60],
  [/./, 400],
]
const pluginNames = [
  'cors',
  'jwt',
  'rbac',
  'rate-limit',
  'ip-restriction',
  'request-size',
  'observability',
  'waf',
]

/** A rule that looks at one file at a time. */
function perFile(find: (source: Source) => readonly Omit<Finding, 'path'>[]): Rule['check'] {
  return (sources) =>
    sources.flatMap((source) => find(source).map((finding) => ({ path: source.path, ...finding })))
}

export const rules: readonly Rule[] = [
  {
    name: 'keeps every file in a folder of the layout',
    check: perFile(({ path }) =>
      layerOf(path) === undefined
        ? [{ line: 1, message: 'no layer of the architecture holds this file' }]
        : [],
    ),
    caught: [{ 'gateway/extra.ts': '' }, { 'gateway/lib/x.ts': '' }, { 'plugins/jwt.ts': '' }],
    allowed: [{ 'plugins/jwt/index.ts': '' }, { 'gateway/main.ts': '' }],
  },
  {
    name: 'lets a layer import only what the architecture allows it',
    check: perFile((source) => {
      const layer = layerOf(source.path)
      return source.imports.flatMap(({ file, line }) =>
        layer === undefined || file === null || mayImport(layer, source.path, file)
          ? []
          : [{ line, message: `${layer.name} may not import ${file}` }],
      )
    }),
    caught: [
      { 'gateway/contract/a.ts': "import type { A } from '../dataplane/a.ts'" },
      { 'plugins/jwt/index.ts': "import { x } from '../rbac/x.ts'" },
      { 'plugins/jwt/index.ts': "import { x } from '../../gateway/dataplane/x.ts'" },
      { 'gateway/dataplane/a.ts': "import { x } from '../control/x.ts'" },
      { 'gateway/dataplane/a.ts': "const x = await import('../../plugins/jwt/index.ts')" },
      { 'gateway/shared-state/a.ts': "export * from '../dataplane/x.ts'" },
      { 'config/load.ts': "import { x } from '../plugins/registry.ts'" },
      { 'admin/server.ts': "import { x } from '../gateway/control/x.ts'" },
      { 'gateway/main.ts': "import { x } from './dataplane/x.ts'" },
      { 'gateway/worker.ts': "import { x } from './control/x.ts'" },
      { 'gateway/control/a.ts': "import { x } from '../../test/support/x.ts'" },
    ],
    allowed: [
      {
        'plugins/jwt/index.ts':
          "import { x } from './verify.ts'\nimport type { P } from '../../gateway/contract/plugin.ts'",
      },
      {
        'gateway/control/a.ts':
          "// import { x } from '../dataplane/x.ts'\nconst text = `import y from '../dataplane/y.ts'`",
      },
    ],
  },
  {
    name: 'uses a library only in the layers that chose it',
    check: perFile((source) => {
      const layer = layerOf(source.path)
      return source.imports.flatMap(({ library, line }) =>
        layer === undefined || library === null || mayUse(layer, library)
          ? []
          : [{ line, message: `${layer.name} does not use ${library}` }],
      )
    }),
    caught: [
      { 'gateway/dataplane/a.ts': "import fastify from 'fastify'" },
      { 'plugins/cors/index.ts': "import swagger from '@fastify/swagger/x'" },
      { 'admin/server.ts': "import { request } from 'undici'" },
      { 'gateway/main.ts': "import fs from 'fs'" },
    ],
    allowed: [
      { 'admin/server.ts': "import fastify from 'fastify'\nimport { readFile } from 'node:fs/promises'" },
    ],
  },
  {
    name: 'imports only types of libraries in the contract',
    check: perFile((source) =>
      layerOf(source.path)?.name !== 'contract'
        ? []
        : source.imports
            .filter((one) => one.library !== null && !one.typeOnly)
            .map(({ library, line }) => ({ line, message: `imports a value of ${library}` })),
    ),
    caught: [{ 'gateway/contract/a.ts': "import { Type, type Static } from 'typebox'" }],
    allowed: [{ 'gateway/contract/a.ts': "import { type Static, type TSchema } from 'typebox'" }],
  },
  {
    name: 'has no import cycle, erased type imports aside',
    check: cyclesOf,
    caught: [
      { 'admin/a.ts': "import { b } from './b.ts'", 'admin/b.ts': "import { a } from './a.ts'" },
      {
        'admin/a.ts': "import { b } from './b.ts'",
        'admin/b.ts': "export { c } from './c.ts'",
        'admin/c.ts': "const a = await import('./a.ts')",
      },
    ],
    allowed: [
      { 'admin/a.ts': "import type { B } from './b.ts'", 'admin/b.ts': "import { a } from './a.ts'" },

      {
        'admin/a.ts': "import { b } from './b.ts'\nimport { c } from './c.ts'",
        'admin/b.ts': "import { c } from './c.ts'",
      },
    ],
  },
  {
    name: 'has no barrel file',
    check: perFile(({ path, imports }) => {
      const reexports = imports.filter((one) => one.reexport)
      const index =
        /(^|\/)index\.ts$/.test(path) && !/^(plugins\/[^/]+|(docs\/)?examples\/.*)\/index\.ts$/.test(path)
      if (index) return [{ line: 1, message: 'only a plugin has an index.ts' }]
      return reexports.map(({ line, specifier }) => ({ line, message: `re-exports ${specifier}` }))
    }),
    caught: [
      { 'gateway/dataplane/all.ts': "export * from './a.ts'" },
      { 'gateway/dataplane/all.ts': "export { a } from './a.ts'" },
      { 'gateway/dataplane/all.ts': "export type { A } from './a.ts'" },
      { 'admin/index.ts': 'export const x = 1' },
    ],
    allowed: [{ 'admin/a.ts': 'const a = 1\nexport { a }' }],
  },
  {
    name: 'reads process.env only in config/env.ts',
    check: perFile((source) =>
      product.test(source.path) && source.path !== 'config/env.ts' ? memberUses(source, 'env') : [],
    ),
    caught: [
      { 'gateway/main.ts': 'const port = process.env.PORT' },
      { 'plugins/jwt/index.ts': "const secret = process['env'].SECRET" },
      { 'admin/a.ts': "import { env } from 'node:process'" },
      { 'admin/a.ts': 'const { env } = process' },
    ],
    allowed: [
      { 'config/env.ts': 'const all = process.env' },
      { 'admin/a.ts': "const text = 'process.env' // process.env" },
    ],
  },
  {
    name: 'ends the process only in gateway/main.ts',
    check: perFile((source) =>
      product.test(source.path) && source.path !== 'gateway/main.ts'
        ? ['exit', 'abort', 'reallyExit'].flatMap((name) => memberUses(source, name))
        : [],
    ),
    caught: [{ 'gateway/worker.ts': 'process.exit(1)' }, { 'config/load.ts': 'process.abort()' }],
    allowed: [{ 'gateway/main.ts': 'process.exit(1)' }, { 'admin/a.ts': "const name = 'process.exit'" }],
  },
  {
    name: 'keeps no mutable state at module level',
    check: perFile((source) =>
      product.test(source.path) && !entries.test(source.path) ? topLevelState(source) : [],
    ),
    caught: [
      { 'admin/a.ts': 'let count = 0' },
      { 'admin/a.ts': 'export var count = 0' },
      { 'admin/a.ts': 'const seen = new Map<string, number>()\nfunction f() { seen.set("a", 1) }' },
      { 'admin/a.ts': 'const seen: Set<string> = new Set()\nfunction f() { seen.add("a") }' },
      { 'admin/a.ts': 'const list: string[] = []\nfunction f() { list.push("a") }' },
      { 'admin/a.ts': 'const state = { count: 0 }\nfunction f() { state.count += 1 }' },
      { 'admin/a.ts': 'const byId: Record<string, number> = {}\nfunction f(id: string) { byId[id] = 1 }' },
      { 'admin/a.ts': 'const state = { count: 0 }\nfunction f() { state.count++ }' },
      { 'admin/a.ts': 'const cache = new WeakMap()' },
      { 'admin/a.ts': 'const cache = new LRUCache({ max: 9 })' },
    ],
    allowed: [
      { 'admin/a.ts': 'const names = [1] as const\nconst x = 2\nconst f = () => x' },
      {
        'admin/a.ts':
          "const known = new Set(['a'])\nfunction f() { let at = 0; at += 1; return known.has('a') }",
      },
      { 'admin/a.ts': 'const order = { a: 1 }\nconst f = () => order.a === 1' },
      { 'admin/a.ts': 'function f() { const list = []; list.push(1); return list }' },
    ],
  },
  {
    name: 'has top-level effects only in the two entries',
    check: perFile((source) =>
      product.test(source.path) && !entries.test(source.path) ? topLevelEffects(source) : [],
    ),
    caught: [
      { 'admin/a.ts': 'start()' },
      { 'config/a.ts': 'await load()' },
      { 'gateway/control/a.ts': "import './b.ts'" },
      { 'admin/a.ts': 'for (const x of y) f(x)' },
    ],
    allowed: [
      { 'config/a.ts': 'if (import.meta.main) {\n  write()\n}' },
      {
        'admin/a.ts':
          "import { a } from './b.ts'\nexport async function f() {\n  start()\n}\n\nexport const x = [\n  1,\n]",
      },
    ],
  },
  {
    name: 'gives no file or export a name that says nothing',
    check: perFile((source) => [...unclearPath(source.path), ...unclearExports(source)]),
    caught: [
      { 'gateway/dataplane/utils.ts': '' },
      { 'admin/common/a.ts': '' },
      { 'plugins/jwt/key-manager.ts': '' },
      { 'admin/a.ts': 'export class PluginManager {}' },
      { 'admin/a.ts': 'export function fetchData() {}' },
      { 'admin/a.ts': 'export const helpers = 1' },
    ],
    allowed: [{ 'gateway/dataplane/database.ts': 'export const baseline = 1' }],
  },
  {
    name: 'names files in kebab-case',
    check: perFile(({ path }) =>
      /^[a-z0-9./-]+$/.test(path) ? [] : [{ line: 1, message: 'lower-case words joined by - only' }],
    ),
    caught: [{ 'admin/pluginRoutes.ts': '' }, { 'admin/plugin_routes.ts': '' }],
  },
  {
    name: 'keeps files short enough to read',
    check: perFile(({ path, lines }) => {
      const limit = lineLimits.find(([pattern]) => pattern.test(path))?.[1] ?? 0
      return lines <= limit || dataTables.includes(path)
        ? []
        : [{ line: limit + 1, message: `${lines} lines; ${limit} at most` }]
    }),
    caught: [
      { 'gateway/dataplane/pipeline.ts': '\n'.repeat(81) },
      { 'plugins/jwt/index.ts': '\n'.repeat(61) },
      { 'admin/a.ts': '\n'.repeat(401) },
    ],
    allowed: [{ 'gateway/dataplane/pipeline.ts': '\n'.repeat(80), 'admin/a.ts': '\n'.repeat(400) }],
  },
  {
    name: 'opens every file with a comment that says what it is for',
    check: perFile(({ path, text }) =>
      !product.test(path) || /^(#!.*\n)?\/[/*]/.test(text)
        ? []
        : [{ line: 1, message: 'no opening comment' }],
    ),
    caught: [{ 'admin/a.ts': "import { a } from './b.ts'" }],
    allowed: [{ 'admin/a.ts': '// Purpose.\nexport const a = 1' }],
  },
  {
    name: 'has no enum, namespace, require or parameter property',
    check: perFile(notErasable),
    caught: [
      { 'admin/a.ts': 'export enum Color { Red }' },
      { 'admin/a.ts': 'const enum Color { Red }' },
      { 'admin/a.ts': 'namespace A { export const b = 1 }' },
      { 'admin/a.ts': "const fs = require('node:fs')" },
      { 'admin/a.ts': 'class A { constructor(private readonly b: string) {} }' },
    ],
    allowed: [{ 'admin/a.ts': 'const enumerate = { enum: 1, namespace: 2 }\nconst schema = { enum: [1] }' }],
  },
  {
    name: 'has a data plane that knows no plugin by name',
    check: perFile(({ path, tokens }) =>
      /^gateway\/(dataplane|shared-state)\//.test(path)
        ? tokens
            .filter(({ kind, text }) => kind === 'string' && pluginNames.includes(text))
            .map(({ line, text }) => ({ line, message: `names the plugin ${text}` }))
        : [],
    ),
    caught: [{ 'gateway/dataplane/chain.ts': "if (entry.plugin === 'rbac') f()" }],
  },
]

/** Places where a member of `process` is touched, however it is spelled. */
function memberUses({ tokens, imports }: Source, name: string): Omit<Finding, 'path'>[] {
  const message = `process.${name}`
  const found = tokens.flatMap((token, at) => {
    if (token.text !== 'process' || token.kind !== 'name') return []
    const after = tokens.slice(at + 1, at + 3)
    const access =
      (after[0]?.text === '.' || after[0]?.text === '?.' || after[0]?.text === '[') && after[1]?.text === name
    const taken =
      tokens[at - 1]?.text === '=' && tokens.slice(Math.max(0, at - 8), at).some((one) => one.text === name)
    return access || taken ? [{ line: token.line, message }] : []
  })
  const imported = imports
    .filter((one) => one.library === 'node:process')
    .filter(({ line }) => tokens.some((token) => token.line === line && token.text === name))
  return [...found, ...imported.map(({ line }) => ({ line, message }))]
}

function unclearPath(path: string): Omit<Finding, 'path'>[] {
  return path
    .split(/[/.-]/)
    .filter((word) => unclearNames.has(word))
    .map((word) => ({ line: 1, message: `"${word}" says nothing` }))
}

function unclearExports({ path, tokens }: Source): Omit<Finding, 'path'>[] {
  if (!product.test(path)) return []
  return tokens.flatMap((token, at) => {
    if (token.text !== 'export' || token.depth !== 0) return []
    const words = new Set(['async', 'const', 'function', 'class', 'interface', 'type', 'abstract', '*'])
    let name = at + 1
    while (words.has(tokens[name]?.text ?? '')) name += 1
    const parts = (tokens[name]?.text ?? '')
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .split(' ')
    return parts
      .filter((part) => unclearNames.has(part))
      .map((part) => ({ line: token.line, message: `"${part}" says nothing` }))
  })
}

function notErasable({ tokens }: Source): Omit<Finding, 'path'>[] {
  return tokens.flatMap((token, at) => {
    const [before, after, second] = [tokens[at - 1]?.text, tokens[at + 1], tokens[at + 2]]
    if (token.kind !== 'name' || before === '.') return []
    const declares =
      (token.text === 'enum' || token.text === 'namespace') && after?.kind === 'name' && second?.text === '{'
    const requires = token.text === 'require' && after?.text === '('
    const property =
      ['private', 'public', 'protected', 'readonly'].includes(token.text) &&
      (before === '(' || before === ',') &&
      opensConstructor(tokens, at)
    return declares || requires || property ? [{ line: token.line, message: token.text }] : []
  })
}

function opensConstructor(tokens: Source['tokens'], at: number): boolean {
  const depth = tokens[at]?.depth ?? 0
  for (let back = at - 1; back > 0; back--) {
    if (tokens[back]?.depth === depth - 1)
      return tokens[back]?.text === '(' && tokens[back - 1]?.text === 'constructor'
  }
  return false
}
