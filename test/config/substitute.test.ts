// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of config files are what is tested
import assert from 'node:assert/strict'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { listSecretFiles, substitute } from '../../config/substitute.ts'
import { buildGood, goodFiles, makeFolder, problemsOf } from './files.ts'

const variables = { NAME: 'acme', EMPTY: '', TRICKY: '${NAME}-$${x}-}', PORT: '8080', FLAG: 'false' }

function fill(text: string, configDir = '/nowhere') {
  const problems: string[] = []
  const { value } = substitute(
    { text },
    { configDir, variables, report: (_, message) => void problems.push(message) },
  )
  return problems.length > 0 ? { problems } : (value as { text: string }).text
}

const good: [text: string, expected: string][] = [
  ['${NAME}', 'acme'],
  ['a-${NAME}-b-${NAME}', 'a-acme-b-acme'],
  ['${MISSING:-x y}', 'x y'],
  ['${MISSING:-}', ''],
  ['${EMPTY:-x}', 'x'],
  ['${EMPTY}', ''],
  ['${NAME:-x}', 'acme'],
  ['$${NAME}', '${NAME}'],
  ['$$${NAME}', '$${NAME}'],
  ['$NAME $ {NAME} $', '$NAME $ {NAME} $'],
  ['${MISSING:-http://h:1/:-}', 'http://h:1/:-'],
  ['${TRICKY}', '${NAME}-$${x}-}'],
  ['${MISSING:-$NAME}', '$NAME'],
]
for (const [text, expected] of good) {
  test(`fills ${text}`, () => assert.equal(fill(text), expected))
}

const bad: [text: string, message: RegExp][] = [
  ['${MISSING}', /The environment variable MISSING is not set\..*"\$\{MISSING:-default\}"/],
  ['a ${NAME', /not closed by "}"/],
  ['${}', /is not a placeholder/],
  ['${a b}', /is not a placeholder/],
  ['${toString}', /toString is not set/],
  ['${__proto__}', /__proto__ is not set/],
  ['${file:}', /names no file/],
  ['${file:missing}', /cannot be read/],
  ['${file:/dev/null}', /not a regular file/],
]
for (const [text, message] of bad) {
  test(`refuses ${text}`, () => {
    const result = fill(text)
    assert.ok(typeof result !== 'string', `gave ${String(result)}`)
    assert.match(result.problems.join(), message)
  })
}

test('reads secrets from files, relative to the config directory or absolute, without their last newline', async (t) => {
  const folder = await makeFolder(t)
  await writeFile(join(folder, 'secret'), 'line 1\n${NAME}\n\n')
  await symlink('secret', join(folder, 'link'))
  assert.equal(fill('<${file:secret}>', folder), '<line 1\n${NAME}\n>')
  assert.equal(fill(`\${file:${folder}/link}`), 'line 1\n${NAME}\n')
  assert.deepEqual(
    listSecretFiles({ a: ['x${file:secret}${NAME}', '$${file:no}', { b: '${file:/abs}' }] }, folder),
    [join(folder, 'secret'), '/abs'],
  )
})

test('refuses secret files that are too large or not text', async (t) => {
  const folder = await makeFolder(t)
  await writeFile(join(folder, 'large'), 'x'.repeat(65_537))
  await writeFile(join(folder, 'binary'), Buffer.from([0xff, 0xfe, 0x00]))
  assert.match(JSON.stringify(fill('${file:large}', folder)), /larger than 65536 bytes/)
  assert.match(JSON.stringify(fill('${file:binary}', folder)), /not UTF-8/)
})

test('a value that is one whole placeholder becomes a number or boolean where the schema wants one', () => {
  const files = goodFiles()
  files.gateway.listeners[0].port = '${PORT}'
  files.gateway.workers = '${COUNT:-3}'
  files.plugins.plugins[2].config = {
    limit: '${COUNT:-7}',
    on: '${FLAG}',
    key: ['${PORT}'],
    steps: [{ kind: 'wait', ms: '${PORT}' }, { kind: '${KIND:-stop}' }],
  }
  const snapshot = buildGood(files, { variables })
  assert.equal(snapshot.gateway.listeners[0]?.port, 8080)
  assert.equal(snapshot.gateway.workers, 3)
  assert.deepEqual(snapshot.plugins[2]?.config, {
    limit: 7,
    on: false,
    windowMs: 1000,
    key: ['8080'],
    steps: [
      { kind: 'wait', ms: 8080 },
      { kind: 'stop', status: 429 },
    ],
  })
})

for (const port of [
  '80${DIGITS:-80}',
  '8080',
  '${NAME}',
  '${PORT:-}x',
  '${HEX:-0x10}',
  '${E:-1e3}',
  '${N:-Infinity}',
]) {
  test(`the text ${port} is no port`, () => {
    const files = goodFiles()
    files.gateway.listeners[0].port = port
    const problems = problemsOf(files, { variables })
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', /gateway\.json#\/listeners\/0\/port .*whole number from 0 to 65535/)
  })
}

test('what a placeholder put in is never shown in a problem', () => {
  const files = goodFiles()
  files.gateway.log = { level: '${SECRET}' }
  files.plugins.plugins[2].config = { limit: '${SECRET}', steps: [{ kind: '${SECRET}' }] }
  const problems = problemsOf(files, { variables: { SECRET: 'hunter2' } })
  assert.equal(problems.length, 3, problems.join('\n'))
  assert.ok(!problems.join().includes('hunter2'), problems.join('\n'))
})

for (const [title, secret] of [
  ['is a name of something', 'hunter2'],
  ['is longer than what a message quotes', `hunter2${'-and-more'.repeat(20)}`],
  ['must be escaped in quotes', 'hunter2"\\\n"'],
] as const) {
  test(`nor where it ${title}`, () => {
    const files = goodFiles()
    files.plugins.plugins[2].plugin = '${SECRET}'
    files.routes.routes[0].upstream = '${SECRET}'
    files.routes.routes[1].id = '${SECRET}'
    files.routes.routes[1].paths = []
    const problems = problemsOf(files, { variables: { SECRET: secret } })
    assert.ok(problems.length >= 3, problems.join('\n'))
    assert.ok(!problems.join().includes('hunter2'), problems.join('\n'))
    assert.ok(problems.join().includes('${SECRET}'), problems.join('\n'))
  })
}

test('what a placeholder falls back to stands in the file, and may be shown', () => {
  const files = goodFiles()
  files.plugins.plugins[2].plugin = '${UNSET:-nosuch}'
  assert.match(problemsOf(files).join(), /no plugin "nosuch"/)
})

test('an unset variable is one problem, named with its place, not two', () => {
  const files = goodFiles()
  files.gateway.listeners[0].port = '${UNSET}'
  files.plugins.plugins[2].config.limit = '${UNSET}'
  const problems = problemsOf(files)
  assert.equal(problems.length, 2, problems.join('\n'))
  assert.match(problems[0] ?? '', /gateway\.json#\/listeners\/0\/port The environment variable UNSET/)
  assert.match(problems[1] ?? '', /plugins\.json#\/plugins\/2\/config\/limit The environment variable UNSET/)
})

test('refuses a number that is too large to be one, which would go on as null', () => {
  const problems: string[] = []
  const options = {
    configDir: '/',
    variables: {},
    report: (...problem: string[]) => problems.push(problem.join(' ')),
  }
  substitute(JSON.parse('{"a": {"b": [1, -1e999]}, "c": 1e308}'), options)
  assert.deepEqual(problems, ['/a/b/1 This number is too large: at most 1.79e308 can be held.'])
})

test('keys are never expanded, and the given files are never changed', () => {
  const files = goodFiles()
  files.routes.tenants[0].metadata = { '${NAME}': '${NAME}' }
  const before = structuredClone(files)
  const snapshot = buildGood(files, { variables })
  assert.deepEqual(snapshot.tenants[0]?.metadata, { '${NAME}': 'acme' })
  assert.deepEqual(files, before)
})
