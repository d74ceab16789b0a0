// Keeps the pages true where a machine can tell: options, examples, reply codes, links.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { PluginDefinition } from '../../gateway/contract/plugin.ts'
import { registry } from '../../plugins/registry.ts'
import { parseSource, readSources } from '../architecture/source.ts'
import { withDefaults } from '../contract/subject.ts'
import { withOptionTable, withoutLayout } from './option-table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8')

for (const definition of registry) {
  const { name, schema } = definition
  describe(`docs/plugins/${name}.md`, () => {
    const page = read(`docs/plugins/${name}.md`)

    it('has the option table of the schema (else run: node test/docs/write-option-tables.ts)', () => {
      assert.equal(withoutLayout(page), withoutLayout(withOptionTable(page, schema)))
    })

    it('has the sections that a reader looks for', () => {
      for (const section of ['Options', 'Example', 'Headers', 'Statuses', 'When something fails'])
        assert.ok(page.includes(`\n## ${section}\n`), section)
    })

    it('names every code that the plugin answers with', () => {
      for (const code of codesOf(name)) assert.ok(page.includes(`\`${code}\``), code)
    })

    it('shows entries of plugins.json that the plugin accepts', () => {
      const examples = jsonBlocks(page)
      assert.notEqual(examples.length, 0)
      for (const text of examples) assert.deepEqual(problemsOf(definition, JSON.parse(text)), [], text)
    })
  })
}

describe('the pages', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md', { cwd: root })]

  for (const page of pages) {
    it(`links only to files that exist: ${page}`, () => {
      const links = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((match) => match[1] as string)
      const missing = links
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => !existsSync(resolve(root, dirname(page), link)))
      assert.deepEqual(missing, [])
    })
  }

  it('list every decision in their index', () => {
    const index = read('docs/decisions/README.md')
    const decisions = globSync('*.md', { cwd: `${root}/docs/decisions` })
    for (const file of decisions) assert.ok(file === 'README.md' || index.includes(`(${file})`), file)
  })

  it('give a reason for every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json'))
    const page = read('docs/decisions/dependencies.md')
    for (const name of Object.keys(dependencies)) assert.match(page, new RegExp(`^\\| ${name} +\\|`, 'm'))
    for (const name of Object.keys(devDependencies)) assert.ok(page.includes(`\`${name}\``), name)
  })
})

describe('the operator guide', () => {
  const guide = read('docs/operator-guide.md')
  const sources = readSources(root)
  const stringsIn = (folders: RegExp, form: RegExp) => {
    const strings = sources.filter(({ path }) => folders.test(path)).flatMap(({ tokens }) => tokens)
    return new Set(
      strings.filter(({ kind, text }) => kind === 'string' && form.test(text)).map(({ text }) => text),
    )
  }

  it('explains every metric', () => {
    const metrics = stringsIn(/^(gateway|plugins)\//, /^aegis_[a-z_]+$/)
    assert.ok(metrics.size > 10)
    assert.deepEqual(
      [...metrics].filter((name) => !guide.includes(`\`${name}\``) && name !== 'aegis_token'),
      [],
    )
  })

  it('explains every code that the data plane answers with', () => {
    const codes = stringsIn(/^gateway\/dataplane\//, /^AEGIS_[A-Z0-9_]+[A-Z0-9]$/)
    assert.ok(codes.size > 10)
    assert.deepEqual(
      [...codes].filter((code) => !guide.includes(`\`${code}\``)),
      [],
    )
  })

  it('explains every environment variable and flag', () => {
    const variables = stringsIn(/^config\/env\.ts$/, /^(AEGIS|API|JWT)_[A-Z_]+$/)
    assert.ok(variables.size > 5)
    for (const name of [...variables, '--config', '--check', '--help'])
      assert.ok(guide.includes(`\`${name}`), name)
  })
})

function codesOf(plugin: string): string[] {
  const sources = globSync(`plugins/${plugin}/**/*.ts`, { cwd: root }).map((path) =>
    parseSource(path, read(path)),
  )
  const strings = sources.flatMap(({ tokens }) => tokens.filter(({ kind }) => kind === 'string'))
  return [...new Set(strings.map(({ text }) => text).filter((text) => /^AEGIS_[A-Z0-9_]+$/.test(text)))]
}

function jsonBlocks(page: string): string[] {
  return [...page.matchAll(/```json\n(.*?)```/gs)].map((match) => match[1] as string)
}

function problemsOf(definition: PluginDefinition, entry: Record<string, unknown>): unknown[] {
  const { plugin, config = {} } = entry as { plugin: string; config?: Record<string, unknown> }
  assert.equal(plugin, definition.name)
  const whole = withDefaults(definition.schema, config)
  return whole.mistakes.length > 0 ? whole.mistakes : [...(definition.check?.(whole.config as never) ?? [])]
}
