import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { listModuleFiles, loadPluginModules } from '../../config/plugin-modules.ts'
import type { JsonObject } from '../../gateway/contract/control-api.ts'
import { build, goodFiles, makeFolder, problemsOf } from './files.ts'

const plugins = (...names: string[]): JsonObject => ({
  plugins: names.map((plugin, index) => ({ id: `p${index}`, plugin })),
})
const good = (name: string) => `
interface Config { readonly limit: number }
export default {
  name: '${name}',
  schema: { type: 'object', properties: { limit: { type: 'integer', default: 3 } }, additionalProperties: false },
  onFailure: 'deny',
  create: (config: Config) => ({}),
}
`

test('loads modules relative to the config directory or absolute, TypeScript too, and puts their hash into the URL', async (t) => {
  const folder = await makeFolder(t)
  await mkdir(join(folder, 'custom'))
  await writeFile(join(folder, 'custom', 'a.ts'), good('a'))
  const given = plugins('./custom/a.ts', 'jwt', join(folder, 'custom/a.ts'), './custom/a.ts')
  assert.deepEqual(listModuleFiles(given, folder), [join(folder, 'custom/a.ts'), join(folder, 'custom/a.ts')])
  const { definitions, urls, problems } = await loadPluginModules(given, folder)
  assert.deepEqual(problems, [])
  const url = urls.get('./custom/a.ts') ?? ''
  assert.match(url, /^file:\/\/.*\/custom\/a\.ts\?v=[0-9a-f]{16}$/)
  assert.deepEqual([...definitions.keys()], [url])
  assert.equal(definitions.get(url)?.name, 'a')
})

test('changed code has another URL and is really loaded', async (t) => {
  const folder = await makeFolder(t)
  const load = async (name: string) => {
    await writeFile(join(folder, 'a.ts'), good(name))
    return loadPluginModules(plugins('./a.ts'), folder)
  }
  const [first, second, third] = [await load('one'), await load('two'), await load('one')]
  assert.notEqual(first.urls.get('./a.ts'), second.urls.get('./a.ts'))
  assert.equal(first.urls.get('./a.ts'), third.urls.get('./a.ts'))
  assert.equal([...second.definitions.values()][0]?.name, 'two')
})

const bad: [title: string, text: string | null, message: RegExp][] = [
  ['that is missing', null, /The module "\.\/a\.ts" cannot be read: ENOENT/],
  ['with a syntax error', 'export default {', /cannot be loaded/],
  ['that throws', 'throw new Error("oops")', /cannot be loaded: oops\./],
  ['that throws no Error', 'throw 1', /cannot be loaded: 1\./],
  [
    'without a default export',
    'export const a = 1',
    /has no default export; it must export a plugin definition/,
  ],
  ['with a function as default export', 'export default () => {}', /has a function as default export/],
  ['with null as default export', 'export default null', /has null as default export/],
  [
    'with an empty definition',
    'export default {}',
    /"name" must be a name.*"schema" must be the schema of an object; "onFailure" must be "deny" or "allow"; "create" must be a function/,
  ],
  [
    'with wrong facts',
    `${good('a').replace("onFailure: 'deny'", "onFailure: 'deny', needs: ['user'], enforces: 'auth', body: {}, hookTimeoutMs: 0")}`,
    /"needs" must be a list.*"enforces" must be a list.*"hookTimeoutMs".*"body\.inspectUpTo"/,
  ],
]
for (const [title, text, message] of bad) {
  test(`names a module ${title} once, with its place`, async (t) => {
    const folder = await makeFolder(t)
    if (text !== null) await writeFile(join(folder, 'a.ts'), text)
    const files = goodFiles()
    files.plugins.plugins.push({ id: 'x', plugin: './a.ts' }, { id: 'y', plugin: './a.ts', enabled: false })
    const modules = await loadPluginModules(files.plugins, folder)
    const problems = problemsOf(files, { modules })
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', /^plugins\.json#\/plugins\/3\/plugin /)
    assert.match(problems[0] ?? '', message)
  })
}

test('a snapshot names the module by its URL, with defaults from its own schema', async (t) => {
  const folder = await makeFolder(t)
  await writeFile(join(folder, 'a.ts'), good('a'))
  const files = goodFiles()
  files.plugins.plugins.push({ id: 'x', plugin: './a.ts' })
  const modules = await loadPluginModules(files.plugins, folder)
  const built = build(files, { modules })
  assert.ok(built.ok)
  assert.equal(built.snapshot.plugins[3]?.plugin, modules.urls.get('./a.ts'))
  assert.deepEqual(built.snapshot.plugins[3]?.config, { limit: 3 })
  files.plugins.plugins[3].config = { limt: 3 }
  assert.match(problemsOf(files, { modules }).join(), /Unknown key "limt"\. Did you mean "limit"\?/)
})

test('a list of plugins that is none at all is no crash', async () => {
  for (const value of [{}, { plugins: 1 }, { plugins: [null, 1, {}] }]) {
    assert.deepEqual((await loadPluginModules(value as JsonObject, '/')).problems, [])
  }
})
