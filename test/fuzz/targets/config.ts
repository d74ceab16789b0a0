// Config: any text is a config or a list of problems that each name a place; what is accepted stays so once it was written.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { createHistory } from '../../../config/history.ts'
import { type BuildResult, buildSnapshot, parseConfigText } from '../../../config/load.ts'
import { createFileChecks } from '../../../config/plugin-file-checks.ts'
import { fromPointer, valueAt } from '../../../config/pointer.ts'
import { createFileSchemas } from '../../../config/schema/files.ts'
import { substitute } from '../../../config/substitute.ts'
import { createValidatorCache } from '../../../config/validate.ts'
import { toFileText } from '../../../config/write.ts'
import type { ConfigFiles, JsonObject } from '../../../gateway/contract/control-api.ts'
import { createFileStore } from '../../../gateway/control/config-store.ts'
import { createLiveConfig, type LiveConfig } from '../../../gateway/control/live-config.ts'
import { createPublisher } from '../../../gateway/control/publisher.ts'
import { registry } from '../../../plugins/registry.ts'
import { createTestPorts } from '../../support/ports.ts'
import type { Random } from '../../support/random.ts'
import { createConfigFile, fileNames, folders, readConfigInput } from '../config-grammar.ts'
import { repeatsAName } from '../json-grammar.ts'
import type { Target } from '../target.ts'

const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2'
const variables = { SECRET: secret, NUMBER: '5', JWT_SECRET: secret, HOME: '/root' }
const definitions = new Map(registry.map((definition) => [definition.name, definition]))
/** As process-wide ones in the gateway. */
const kept = { validators: createValidatorCache(), fileChecks: createFileChecks() }
const dynamicKeys = ['__proto__', 'constructor', 'prototype']

function build(files: ConfigFiles): BuildResult {
  return buildSnapshot(files, { configDir: '/nowhere', variables, overrides: {}, definitions, ...kept })
}

/** The files of which one is that of the input; null: its text is no object, or has problems as a text. */
function readFiles(input: string): { files: ConfigFiles; name: keyof ConfigFiles; text: string } | null {
  const { name, text, others } = readConfigInput(input)
  const read = parseConfigText(text)
  if ('problem' in read) {
    assert.ok(read.problem.length > 10 && !read.problem.includes(secret))
    return null
  }
  for (const { pointer, message } of read.problems) assert.ok(message !== '' && /^(\/|$)/.test(pointer))
  if (read.problems.length > 0) return null
  const files = Object.fromEntries(
    fileNames.map((one) => [one, JSON.parse(others[one])]),
  ) as unknown as ConfigFiles
  return { files: { ...files, [name]: read.value }, name, text }
}

function hasPrototypeKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([key, child]) => (!Array.isArray(value) && dynamicKeys.includes(key)) || hasPrototypeKey(child),
  )
}

function checkProblems(built: BuildResult & { ok: false }, files: ConfigFiles): void {
  assert.ok(built.problems.length > 0)
  for (const { file, pointer, message } of built.problems) {
    const name = fileNames.find((one) => file === `${one}.json`)
    assert.ok(name !== undefined, `no such file: ${file}`)
    assert.ok(message.length > 5 && !message.includes(secret), message)
    const holder = valueAt(files[name], fromPointer(pointer).slice(0, -1))
    assert.ok(typeof holder === 'object' && holder !== null, `there is no ${pointer} in ${file}`)
  }
}

function createConfigFiles(): Target {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false })
  const validators = new Map(
    Object.entries(createFileSchemas(registry)).map(([name, schema]) => [name, ajv.compile(schema)]),
  )
  return {
    name: 'config files',
    share: 3,
    create: createConfigFile,
    check(input) {
      const read = readFiles(input)
      if (read === null) return
      const { files, name, text } = read
      const written = JSON.parse(text)
      assert.deepEqual(files[name], written)
      assert.ok(!hasPrototypeKey(written) && !repeatsAName(text))
      const built = build(files)
      if (!built.ok) return checkProblems(built, files)
      // The schemas as files know no defaults and no checks: what is accepted fits them as it was written.
      const validate = validators.get(name)
      assert.ok(validate?.(written), `the schema file refuses it: ${ajv.errorsText(validate?.errors)}`)
      const again = build(JSON.parse(toFileText(files)) as ConfigFiles)
      assert.ok(again.ok)
      assert.deepEqual(again.snapshot, built.snapshot)
    },
  }
}

/** Writes as the admin API makes them: accepted and then found on disk, or refused, and nothing has changed. */
function createConfigWrites(): Target {
  let dir = ''
  let live: LiveConfig
  const readAll = (): Promise<string[]> =>
    Promise.all(fileNames.map((name) => readFile(join(dir, `${name}.json`), 'utf8')))

  return {
    name: 'config writes',
    share: 1,
    async start() {
      dir = await mkdtemp(join(tmpdir(), 'aegis-fuzz-'))
      for (const name of fileNames) await writeFile(join(dir, `${name}.json`), folders[0][name])
      live = createLiveConfig({
        environment: { configDir: dir, check: false, help: false, overrides: {}, variables },
        definitions,
        store: createFileStore(dir),
        history: createHistory({ stateDir: join(dir, 'state'), keep: 3 }),
        publisher: createPublisher(),
        workers: () => [],
        onLive() {},
        onRefused() {},
        onReading() {},
        onAttempt() {},
        log: () => createTestPorts().log,
      })
      await live.load()
      await live.begin()
    },
    close: () => rm(dir, { recursive: true, force: true }),
    create: createConfigFile,
    async check(input, random) {
      const read = readFiles(input)
      if (read === null) return
      const { name, files } = read
      const before = { texts: await readAll(), files: live.files(), version: live.version() }
      const options = { by: 'fuzzer', action: 'edit', dryRun: random.chance(0.2) }
      const outcome = await live.edit((now) => ({ ...now, [name]: files[name] }), options)
      const after = { texts: await readAll(), files: live.files(), version: live.version() }
      if (!outcome.ok || options.dryRun)
        return assert.deepEqual(after, before, 'what was not done left a trace')
      assert.deepEqual(after.files, { ...before.files, [name]: files[name] })
      const onDisk = after.texts.map((text) => JSON.parse(text))
      assert.deepEqual(Object.fromEntries(fileNames.map((one, at) => [one, onDisk[at]])), after.files)
      const reloaded = await live.reload('fuzzer')
      assert.ok(reloaded.ok, 'what was written cannot be read')
      assert.deepEqual([live.version(), live.files()], [after.version, after.files])
    },
  }
}

const pieces = [
  '${',
  '$${',
  '}',
  '$',
  '{',
  'SECRET',
  'NUMBER',
  'MISSING',
  ':-',
  ':',
  '-',
  'file:',
  '/dev/null',
  'a',
  ' ',
  '\\',
  '${SECRET}',
  '__proto__',
]

/** By one expression, from left to right. null: it names something that is not there, or is open. */
function expand(text: string): string | null {
  let sound = true
  const expanded = text.replaceAll(/\$\$\{|\$\{([^}]*)\}|\$\{/g, (whole, inner: string | undefined) => {
    if (whole === '$${') return '${'
    const [, name = '', fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inner ?? '') ?? []
    const value = Object.hasOwn(variables, name) ? variables[name as keyof typeof variables] : ''
    if (value !== '') return value
    if (fallback === undefined) sound = false
    return fallback ?? ''
  })
  return sound ? expanded : null
}

const placeholders: Target = {
  name: 'placeholders',
  share: 50,
  create: (random: Random) => Array.from({ length: random.int(9) }, () => random.pick(pieces)).join(''),
  check(input) {
    // A file that is there: what is put in is not the expression's.
    if (/\$\{file:/.test(input)) return
    const problems: string[] = []
    const report = (pointer: string, message: string): void => void problems.push(`${pointer} ${message}`)
    const { value } = substitute({ a: [input] }, { configDir: '/nowhere', variables, report })
    const expected = expand(input)
    assert.equal(problems.length === 0, expected !== null, problems.join('\n'))
    assert.ok(problems.every((problem) => problem.startsWith('/a/0 ') && !problem.includes(secret)))
    if (expected !== null) assert.deepEqual(value as JsonObject, { a: [expected] })
  },
}

export const configTargets: readonly Target[] = [createConfigFiles(), createConfigWrites(), placeholders]
