import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import Type from 'typebox'
import type { BuildContext } from '../../config/context.ts'
import { createFileChecks } from '../../config/plugin-file-checks.ts'
import { createFileRecorder } from '../../config/plugin-files.ts'
import { definePlugin, type PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { FileReader } from '../../gateway/contract/ports.ts'
import { replayFiles } from '../../gateway/contract/recorded-files.ts'
import { build, definitions, goodFiles, makeFolder } from './files.ts'

async function makeRules(t: TestContext): Promise<string> {
  const folder = await makeFolder(t)
  await mkdir(join(folder, 'rules', 'sub'), { recursive: true })
  for (const name of ['b.conf', 'a.conf', 'c.data', '.hidden.conf', 'sub/d.conf'])
    await writeFile(join(folder, 'rules', name), `text of ${name} \xe9`, 'latin1')
  return folder
}

/** Reads every file that its option means, and refuses texts with `bad` in them. */
function reading(): PluginDefinition {
  const plugin = definePlugin({
    name: 'rules',
    schema: Type.Object({ rules: Type.String() }, { additionalProperties: false }),
    onFailure: 'deny',
    checkFiles: (config, files) =>
      files.find(config.rules).flatMap((path) => {
        const at = files.read(path).indexOf('bad')
        return at < 0 ? [] : [{ pointer: '/rules', message: `${path}: bad at ${at}.` }]
      }),
    create: () => ({}),
  })
  return plugin as unknown as PluginDefinition
}

function buildWith(folder: string, plugin: PluginDefinition, over: Partial<BuildContext> = {}) {
  const files = goodFiles()
  files.plugins.plugins.push({ id: 'waf', plugin: 'rules', config: { rules: 'rules/*.conf' } })
  return build(files, {
    configDir: folder,
    definitions: new Map([...definitions, ['rules', plugin]]),
    ...over,
  })
}

describe('files that a plugin reads', () => {
  it('are found by pattern in alphabetical order, hidden ones aside', async (t) => {
    const folder = await makeRules(t)
    const recorder = createFileRecorder({ configDir: folder, variables: {} })
    const names = (pattern: string) => recorder.find(pattern).map((path) => path.slice(folder.length + 1))
    assert.deepEqual(names('rules/*.conf'), ['rules/a.conf', 'rules/b.conf'])
    assert.deepEqual(names('rules/?.c*'), ['rules/a.conf', 'rules/b.conf'])
    assert.deepEqual(names('rules/*/*.conf'), ['rules/sub/d.conf'])
    assert.deepEqual(names('rules/c.data'), ['rules/c.data'])
    assert.deepEqual(names('rules/none.conf'), [])
    assert.deepEqual(names('rules/sub'), [])
    assert.deepEqual(names('nowhere/*'), [])
  })

  it('are read as bytes, and read again from the record without the disk', async (t) => {
    const folder = await makeRules(t)
    const recorder = createFileRecorder({ configDir: folder, variables: { HOME_OF_RULES: '/x', EMPTY: '' } })
    const ask = (files: FileReader) => [
      files.find('rules/*.conf'),
      files.read('rules/a.conf'),
      files.variable('HOME_OF_RULES'),
      files.variable('EMPTY'),
      files.variable('NONE'),
    ]
    const first = ask(recorder)
    assert.equal(first[1], 'text of a.conf \xe9')
    assert.deepEqual(first.slice(2), ['/x', undefined, undefined])
    const replayed = replayFiles(structuredClone(recorder.recorded() ?? undefined))
    assert.deepEqual(ask(replayed), first)
    assert.throws(() => replayed.read('rules/b.conf'), /was not read when the config was checked/)
    assert.throws(() => replayed.find('__proto__'), /was not read/)
  })

  it('name themselves when they cannot be read', async (t) => {
    const folder = await makeRules(t)
    const recorder = createFileRecorder({ configDir: folder, variables: {} })
    assert.throws(() => recorder.read('none.conf'), /none\.conf does not exist/)
    assert.throws(() => recorder.read('rules'), /rules cannot be read: it is not a regular file/)
    assert.deepEqual([...recorder.looked], [join(folder, 'none.conf'), join(folder, 'rules')])
  })

  it('go with the entry into the snapshot, and change its digest when they change', async (t) => {
    const folder = await makeRules(t)
    const digests: (string | undefined)[] = []
    for (const text of ['one', 'one', 'two']) {
      await writeFile(join(folder, 'rules/a.conf'), text)
      const built = buildWith(folder, reading())
      assert.ok(built.ok)
      const entry = built.snapshot.plugins.find((one) => one.id === 'waf')
      assert.equal(entry?.files?.texts[join(folder, 'rules/a.conf')], text)
      assert.deepEqual(
        new Set(built.looked),
        new Set(['rules', 'rules/a.conf', 'rules/b.conf'].map((name) => join(folder, name))),
      )
      digests.push(entry?.files?.digest)
    }
    assert.equal(digests[0], digests[1])
    assert.notEqual(digests[1], digests[2])
  })

  it('refuse the config when they are bad, and are still looked at', async (t) => {
    const folder = await makeRules(t)
    await writeFile(join(folder, 'rules/b.conf'), 'so bad')
    const built = buildWith(folder, reading())
    assert.ok(!built.ok)
    assert.equal(built.problems.length, 1)
    assert.equal(built.problems[0]?.pointer, '/plugins/3/config/rules')
    assert.match(built.problems[0]?.message ?? '', /Plugin "waf": .*b\.conf: bad at 3\./)
    assert.ok(built.looked.includes(join(folder, 'rules/b.conf')))
  })

  it('are checked once as long as they stay as they are', async (t) => {
    const folder = await makeRules(t)
    let checks = 0
    const plugin = reading()
    const counting = {
      ...plugin,
      checkFiles: (config: never, reader: FileReader) => {
        checks += 1
        return plugin.checkFiles?.(config, reader) ?? []
      },
    }
    // Files that were just written are read again, because the next write may carry the same time.
    let now = Date.now() + 10_000
    const fileChecks = createFileChecks(() => now)
    const digests = new Set<string | undefined>()
    const builtChecks = () => {
      const built = buildWith(folder, counting, { fileChecks })
      assert.ok(built.ok)
      digests.add(built.snapshot.plugins.find((one) => one.id === 'waf')?.files?.digest)
      return checks
    }
    assert.deepEqual([builtChecks(), builtChecks()], [1, 1])
    assert.equal(digests.size, 1)
    await writeFile(join(folder, 'rules/a.conf'), 'another text')
    assert.equal(builtChecks(), 2)
    await writeFile(join(folder, 'rules/new.conf'), 'x')
    assert.equal(builtChecks(), 3)
    assert.equal(digests.size, 3)
    now = Date.now()
    assert.equal(builtChecks(), 4)
  })

  it('that throw while they are read refuse the config too', async (t) => {
    const folder = await makeRules(t)
    const throwing = {
      ...reading(),
      checkFiles: (_: unknown, files: FileReader) => [void files.read('none')] as never,
    }
    const built = buildWith(folder, throwing)
    assert.ok(!built.ok)
    assert.match(built.problems[0]?.message ?? '', /none does not exist/)
  })
})
