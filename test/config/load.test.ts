// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of config files
// Reading the three files, and what holds for every report of problems.
import assert from 'node:assert/strict'
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfigFiles } from '../../config/load.ts'
import { fromPointer, valueAt } from '../../config/pointer.ts'
import type { ConfigFiles } from '../../gateway/contract/control-api.ts'
import { build, goodFiles, type MutableFiles, makeFolder, problemsOf, writeFiles } from './files.ts'

const routesText = JSON.stringify(goodFiles().routes)

const unreadable: [title: string, content: string | Buffer | null, message: RegExp][] = [
  ['missing', null, /^The file is missing \(.*routes\.json\)\.$/],
  ['empty', '', /^The file is empty; it must hold one JSON object\.$/],
  ['blank', ' \n\t', /^The file is empty/],
  [
    'half-written',
    routesText.slice(0, routesText.length / 2),
    /^This is not valid JSON: line 1, column \d+: .*half-written\.$/,
  ],
  [
    'followed by a second object',
    `${routesText}\n{}`,
    /line 2, column 1: expected the end of the file, found "\{"/,
  ],
  ['a list', '[]', /must hold one JSON object; found a list/],
  ['a number', '1', /must hold one JSON object; found a number/],
  ['null', 'null', /must hold one JSON object; found null/],
  ['UTF-16', Buffer.from(`\ufeff${routesText}`, 'utf16le'), /UTF-16; save it as UTF-8/],
  ['not text', Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8 text/],
]

for (const [title, content, message] of unreadable) {
  test(`a file that is ${title} is named, and the others are still checked`, async (t) => {
    const folder = await makeFolder(t)
    const files = goodFiles()
    files.gateway.workers = 'x'
    await writeFiles(folder, files)
    if (content === null) await rm(join(folder, 'routes.json'))
    else await writeFile(join(folder, 'routes.json'), content)
    const read = await readConfigFiles(folder)
    assert.equal(read.problems.length, 1)
    assert.match(read.problems[0]?.message ?? '', message)
    assert.deepEqual([read.problems[0]?.file, read.problems[0]?.pointer], ['routes.json', ''])
    const all = problemsOf(read.files as MutableFiles, { known: read.problems })
    assert.equal(all.length, 2, all.join('\n'))
    assert.match(all[1] ?? '', /gateway\.json#\/workers/)
  })
}

test('a directory in place of a file is refused', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  await rm(join(folder, 'routes.json'))
  await mkdir(join(folder, 'routes.json'))
  const { problems } = await readConfigFiles(folder)
  assert.match(problems[0]?.message ?? '', /not a regular file/)
})

test('a file above the size cap is not read', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  await truncate(join(folder, 'routes.json'), 65 * 1024 * 1024)
  const { problems } = await readConfigFiles(folder)
  assert.match(problems[0]?.message ?? '', /The file has 68157440 bytes; at most 67108864 are read\./)
})

test('a missing directory is three problems and no exception', async (t) => {
  const { problems } = await readConfigFiles(join(await makeFolder(t), 'nowhere'))
  assert.deepEqual(
    problems.map((one) => one.file),
    ['gateway.json', 'routes.json', 'plugins.json'],
  )
})

test('a UTF-8 byte order mark is skipped', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  await writeFile(join(folder, 'routes.json'), `\ufeff${routesText}`)
  const { files, problems } = await readConfigFiles(folder)
  assert.deepEqual(problems, [])
  assert.deepEqual(files.routes, goodFiles().routes)
})

test('prototype keys and duplicate keys are refused with their places, once each, and pollute nothing', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const plugins =
    '{"plugins": [], "plugins": [{"id": "a", "plugin": "limit", "config": {"limit": 1, "__proto__": {"x": 1}}}], "constructor": {"prototype": {}}}'
  await writeFile(join(folder, 'plugins.json'), plugins)
  const { files, problems } = await readConfigFiles(folder)
  assert.deepEqual(
    problems.map((one) => one.pointer),
    ['/plugins/0/config/__proto__', '/plugins', '/constructor/prototype', '/constructor'],
  )
  assert.equal(Object.hasOwn(files.plugins, 'constructor'), false)
  assert.equal(({} as { x?: unknown }).x, undefined)
})

test('all problems of all files are reported at once', () => {
  const files = goodFiles()
  files.gateway.listners = []
  files.gateway.listeners[0].port = -1
  files.routes.tenants[0].plan = 'x'
  files.routes.tenants[1].status = 'x'
  files.routes.routes[0].paths = ['x']
  files.routes.routes[1].upstream = 'x'
  files.plugins.plugins[0].plugin = 'x'
  files.plugins.plugins[2].config = { limit: 'x', x: 1 }
  const places = problemsOf(files).map((one) => one.split(' ')[0])
  assert.deepEqual(places.sort(), [
    'gateway.json#/listeners/0/port',
    'gateway.json#/listners',
    'plugins.json#/plugins/0/plugin',
    'plugins.json#/plugins/2/config/limit',
    'plugins.json#/plugins/2/config/x',
    'routes.json#/routes/0/paths/0',
    'routes.json#/routes/1/upstream',
    'routes.json#/tenants/0/plan',
    'routes.json#/tenants/1/status',
  ])
})

test('a report has an end: a hundred problems and how many more there are', () => {
  const files = goodFiles()
  files.routes.tenants = Array.from({ length: 500 }, (_, i) => ({ id: `t${i}`, plan: 'x' }))
  const problems = problemsOf(files)
  assert.equal(problems.length, 101)
  assert.equal(problems[100], 'routes.json# and 400 more problems, not listed')
})

test('long values are shortened in sentences', () => {
  const files = goodFiles()
  files.routes.routes[0].auth = 'x'.repeat(1_000_000)
  const [problem = ''] = problemsOf(files)
  assert.ok(problem.length < 500, `${problem.length} characters`)
})

test('a config that is nested beyond reason is refused without exhausting the stack', () => {
  const files = goodFiles()
  let deep: object = {}
  for (let i = 0; i < 50_000; i++) deep = { deep }
  files.routes.tenants[0].metadata = deep
  assert.match(problemsOf(files).join('\n'), /nested deeper than 100 levels/)
})

test('every pointer of every problem leads to a place in the file, or to one where a missing key belongs', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  const junk = [
    null,
    0,
    -1,
    Number.POSITIVE_INFINITY,
    'x',
    '',
    '${UNSET}',
    [],
    [[]],
    {},
    { 'a/b~c': { d: 1 } },
    true,
    'items',
    '/x/*',
    [{}],
  ]
  let reported = 0
  for (let round = 0; round < 1500; round++) {
    const files = goodFiles()
    files.routes.routes[0].rewrite = { path: '/x/*' }
    files.gateway.admin = {
      port: 8000 - random(2),
      tokens: [{ name: 'a', role: 'admin', sha256: 'b'.repeat(64) }],
    }
    for (let i = 0; i <= random(4); i++) damage(files, random, junk[random(junk.length)])
    const built = build(files)
    for (const problem of built.ok ? [] : built.problems) {
      const root = files[problem.file.replace('.json', '') as keyof ConfigFiles]
      const path = fromPointer(problem.pointer)
      const parent = valueAt(root, path.slice(0, -1))
      const there = path.length === 0 || (typeof parent === 'object' && parent !== null)
      assert.ok(there, `${problem.file}#${problem.pointer} ${problem.message} in ${JSON.stringify(root)}`)
      assert.match(problem.message, /^.+[.]$|not listed$/s)
      reported += 1
    }
  }
  assert.ok(reported > 1000, `only ${reported} problems`)
})

/** Replaces, adds or removes one value somewhere. */
function damage(files: MutableFiles, random: (below: number) => number, value: unknown): void {
  const places: [holder: Record<string, unknown>, key: string][] = []
  const visit = (holder: Record<string, unknown>) => {
    for (const [key, child] of Object.entries(holder)) {
      if (holder !== (files as object)) places.push([holder, key])
      if (typeof child === 'object' && child !== null) visit(child as Record<string, unknown>)
    }
  }
  visit(files as unknown as Record<string, unknown>)
  const place = places[random(places.length)]
  if (place === undefined) return
  const [holder, key] = place
  const way = random(3)
  if (way === 0) holder[key] = value
  else if (way === 1) delete holder[key]
  else if (!Array.isArray(holder)) holder[`${key}x`] = value
}
