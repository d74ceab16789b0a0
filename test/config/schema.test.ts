// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of config files
// The generated JSON Schema files, and the shipped config that points at them.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { buildSnapshot, readConfigFiles } from '../../config/load.ts'
import { createFileSchemas } from '../../config/schema/files.ts'
import { listStaleSchemas } from '../../config/schema/generate.ts'
import { registry } from '../../plugins/registry.ts'
import { goodFiles } from './files.ts'

const configDir = fileURLToPath(new URL('../../config', import.meta.url))
const definitions = new Map(registry.map((one) => [one.name, one]))
const names = ['gateway', 'routes', 'plugins'] as const

test('the generated schema files are up to date', () => {
  assert.deepEqual([...listStaleSchemas(registry).keys()], [], 'run: npm run schemas')
})

test('the shipped config is valid, with nothing set but JWT_SECRET', async () => {
  const { files, problems } = await readConfigFiles(configDir)
  const variables = { JWT_SECRET: 'a secret that is long enough for HS256' }
  const built = buildSnapshot(files, { configDir, variables, overrides: {}, definitions, known: problems })
  assert.deepEqual(built.ok ? [] : built.problems, [])
  assert.ok(built.ok)
  assert.deepEqual(built.warnings, [])
  assert.equal(built.snapshot.gateway.demo?.tenant, 'acme')
  assert.ok(built.snapshot.tenants.some((one) => one.id === built.snapshot.gateway.demo?.tenant))
})

for (const name of names) {
  test(`an editor finds the schema of the shipped ${name}.json and nothing to complain about`, async () => {
    const file = JSON.parse(await readFile(`${configDir}/${name}.json`, 'utf8'))
    const schema = JSON.parse(await readFile(`${configDir}/${file.$schema}`, 'utf8'))
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema)
    assert.ok(validate(file), JSON.stringify(validate.errors))
  })
}

test('every key of the schemas has a description', () => {
  const missing: string[] = []
  const visit = (schema: unknown, place: string) => {
    if (typeof schema !== 'object' || schema === null) return
    for (const [key, value] of Object.entries(schema)) {
      if (key === 'properties') {
        for (const [name, property] of Object.entries(value as Record<string, { description?: string }>)) {
          if (property.description === undefined) missing.push(`${place}/${name}`)
        }
      }
      visit(value, `${place}/${key}`)
    }
  }
  const { gateway, routes, plugins } = createFileSchemas([])
  visit({ gateway, routes, plugins }, '')
  assert.deepEqual(missing, [])
})

const editorRows: [
  title: string,
  file: (typeof names)[number],
  change: (content: never) => void,
  good: boolean,
][] = [
  [
    'a placeholder for a number',
    'gateway',
    (g: { listeners: { port: unknown }[] }) => Object.assign(g.listeners[0] as object, { port: '${PORT}' }),
    true,
  ],
  [
    'a text for a number',
    'gateway',
    (g: { listeners: { port: unknown }[] }) => Object.assign(g.listeners[0] as object, { port: '80' }),
    false,
  ],
  [
    'a placeholder for a word',
    'gateway',
    (g: object) => Object.assign(g, { log: { level: '${LEVEL:-info}' } }),
    true,
  ],
  ['an unknown key', 'gateway', (g: object) => Object.assign(g, { telemetry: {} }), false],
  [
    'a wrong word',
    'routes',
    (r: { routes: object[] }) => Object.assign(r.routes[0] as object, { auth: 'no' }),
    false,
  ],
  [
    'the config of a known plugin',
    'plugins',
    (p: { plugins: object[] }) =>
      p.plugins.push({ id: 'a', plugin: 'request-size', config: { limitBytes: '${N}' } }),
    true,
  ],
  [
    'a wrong config of a known plugin',
    'plugins',
    (p: { plugins: object[] }) =>
      p.plugins.push({ id: 'a', plugin: 'request-size', config: { limitBytes: 'x' } }),
    false,
  ],
  [
    'a known plugin without a config that it needs',
    'plugins',
    (p: { plugins: object[] }) => p.plugins.push({ id: 'a', plugin: 'request-size' }),
    false,
  ],
  [
    'a known plugin with the key of another one',
    'plugins',
    (p: { plugins: object[] }) => p.plugins.push({ id: 'a', plugin: 'cors', config: { limitBytes: 1 } }),
    false,
  ],
  [
    'a module of an operator',
    'plugins',
    (p: { plugins: object[] }) => p.plugins.push({ id: 'a', plugin: './a.ts', config: { any: 1 } }),
    true,
  ],
  [
    'an unknown plugin',
    'plugins',
    (p: { plugins: object[] }) => p.plugins.push({ id: 'a', plugin: 'nope' }),
    false,
  ],
]
for (const [title, name, change, good] of editorRows) {
  test(`an editor ${good ? 'accepts' : 'marks'} ${title}`, () => {
    const content = { ...goodFiles(), plugins: { plugins: [] } }[name]
    change(content as never)
    const validate = new Ajv({ strict: false }).compile(createFileSchemas(registry)[name])
    assert.equal(validate(content), good, JSON.stringify(validate.errors))
  })
}
