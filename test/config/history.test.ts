import assert from 'node:assert/strict'
import { appendFile, chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createHistory } from '../../config/history.ts'
import type { ConfigFiles } from '../../gateway/contract/control-api.ts'
import { waitUntil } from '../support/gateway.ts'
import { makeFolder } from './files.ts'

const files = (n: number): ConfigFiles => ({
  gateway: { secret: '${JWT_SECRET}' },
  routes: { n },
  plugins: {},
})

test('keeps the last good config and numbered versions over a restart', async (t) => {
  const stateDir = await makeFolder(t)
  let now = Date.parse('2026-01-01T00:00:00Z')
  const first = createHistory({ stateDir, wallMs: () => now })
  assert.deepEqual([first.lastGood(), first.list(), first.liveNumber(), first.get(1)], [null, [], null, null])
  assert.equal(await first.record(files(1), { by: 'start', action: 'start' }), 1)
  now += 1000
  assert.equal(await first.record(files(2), { by: 'ops', action: 'PUT /admin/routes/a' }), 2)
  assert.equal(first.liveNumber(), 2)

  const second = createHistory({ stateDir })
  assert.deepEqual(second.lastGood(), files(2))
  assert.equal(second.liveNumber(), null)
  assert.deepEqual(second.list(), [
    { number: 2, at: '2026-01-01T00:00:01.000Z', by: 'ops', action: 'PUT /admin/routes/a' },
    { number: 1, at: '2026-01-01T00:00:00.000Z', by: 'start', action: 'start' },
  ])
  assert.deepEqual(second.get(1), files(1))
  assert.equal(await second.record(files(3), { by: 'file', action: 'reload' }), 3)
  assert.deepEqual(second.warnings(), [])
})

test('a restart with an unchanged config is no new version', async (t) => {
  const stateDir = await makeFolder(t)
  await createHistory({ stateDir }).record(files(1), { by: 'start', action: 'start' })
  const again = createHistory({ stateDir })
  assert.equal(await again.record(files(1), { by: 'start', action: 'start' }), 1)
  assert.equal(again.list().length, 1)
  assert.equal(again.liveNumber(), 1)
})

test('keeps a bounded number of versions, the newest ones, in memory and on disk', async (t) => {
  const stateDir = await makeFolder(t)
  const history = createHistory({ stateDir, keep: 3 })
  await Promise.all(Array.from({ length: 8 }, (_, n) => history.record(files(n), { by: 'a', action: 'b' })))
  assert.deepEqual(
    history.list().map((one) => one.number),
    [8, 7, 6],
  )
  assert.deepEqual((await readdir(join(stateDir, 'versions'))).sort(), ['6.jsonl', '7.jsonl', '8.jsonl'])
  assert.equal(history.get(5), null)
  assert.deepEqual(history.get(6), files(5))
})

test('state files can be read by their owner only, and hold placeholders, not what they stand for', async (t) => {
  const stateDir = join(await makeFolder(t), 'new')
  await createHistory({ stateDir }).record(files(1), { by: 'a', action: 'b' })
  const paths = [join(stateDir, 'last-good.json'), join(stateDir, 'versions', '1.jsonl')]
  for (const path of paths) {
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.match(await readFile(path, 'utf8'), /\$\{JWT_SECRET\}/)
  }
  assert.equal((await stat(join(stateDir, 'versions'))).mode & 0o777, 0o700)
  assert.deepEqual((await readdir(stateDir)).sort(), ['last-good.json', 'versions'])
})

const damage: [title: string, work: (path: string) => Promise<void>][] = [
  ['cut short', async (path) => writeFile(path, (await readFile(path)).subarray(0, 20))],
  ['empty', (path) => writeFile(path, '')],
  ['of another form', (path) => writeFile(path, '{"number": "x"}\n[]\n')],
  ['binary', (path) => writeFile(path, Buffer.alloc(5000, 0xff))],
]
for (const [title, work] of damage) {
  test(`state files that are ${title} are reported and ignored`, async (t) => {
    const stateDir = await makeFolder(t)
    const before = createHistory({ stateDir })
    await before.record(files(1), { by: 'a', action: 'b' })
    await before.record(files(2), { by: 'a', action: 'b' })
    await work(join(stateDir, 'last-good.json'))
    await work(join(stateDir, 'versions', '1.jsonl'))
    const after = createHistory({ stateDir })
    assert.equal(after.lastGood(), null)
    assert.deepEqual(
      after.list().map((one) => one.number),
      [2],
    )
    assert.match(after.warnings().join('\n'), /last-good\.json is damaged.*\n.*1\.jsonl is damaged/)
    assert.equal(await after.record(files(3), { by: 'a', action: 'b' }), 3)
    assert.deepEqual(createHistory({ stateDir }).lastGood(), files(3))
  })
}

test('a version whose files were changed on disk is not given out', async (t) => {
  const stateDir = await makeFolder(t)
  const history = createHistory({ stateDir })
  await history.record(files(1), { by: 'a', action: 'b' })
  const path = join(stateDir, 'versions', '1.jsonl')
  await writeFile(path, (await readFile(path, 'utf8')).replace('"n":1', '"n":2'))
  assert.equal(history.get(1), null)
  assert.equal(createHistory({ stateDir }).get(1), null)
})

test('strange files in the state directory are left alone', async (t) => {
  const stateDir = await makeFolder(t)
  await mkdir(join(stateDir, 'versions'))
  await writeFile(join(stateDir, 'versions', 'README'), 'x')
  await appendFile(join(stateDir, 'versions', '.1.jsonl.abc.tmp'), 'x')
  const history = createHistory({ stateDir })
  assert.deepEqual([history.list(), history.warnings()], [[], []])
})

test('a state directory that cannot be written is a warning; versions of this process can still be had', async (t) => {
  const folder = await makeFolder(t)
  // A file in the way stops root too, whom permissions do not.
  const stateDir = join(folder, 'file')
  await writeFile(stateDir, '')
  await chmod(stateDir, 0o400)
  const history = createHistory({ stateDir, keep: 2 })
  for (let n = 1; n <= 4; n++) await history.record(files(n), { by: 'a', action: 'b' })
  assert.match(history.warnings().join('\n'), /The last good config cannot be kept in .*set "stateDir"/)
  assert.deepEqual(
    history.list().map((one) => one.number),
    [4, 3],
  )
  assert.deepEqual([history.get(4), history.get(3), history.get(2)], [files(4), files(3), null])
  assert.deepEqual(history.lastGood(), files(4))
})

test('what could not be kept is kept by itself once the disk takes it', async (t) => {
  const folder = await makeFolder(t)
  const stateDir = join(folder, 'state')
  const history = createHistory({ stateDir, retryMs: 20 })
  // A file in place of the folder: nothing can be written below it.
  await writeFile(stateDir, '')
  for (const n of [1, 2, 3]) await history.record(files(n), { by: 'ops', action: `edit ${n}` })
  assert.equal(history.warnings().length, 1)
  assert.deepEqual(history.get(2), files(2))
  await rm(stateDir)
  await waitUntil(() => history.warnings().length === 0)
  const again = createHistory({ stateDir })
  assert.deepEqual(again.lastGood(), files(3))
  assert.deepEqual(
    again.list().map(({ number }) => [number, again.get(number)]),
    [3, 2, 1].map((n) => [n, files(n)]),
  )
})
