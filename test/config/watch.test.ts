import assert from 'node:assert/strict'
import { appendFile, cp, mkdir, open, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ConfigWatch, watchConfig } from '../../config/watch.ts'
import { makeFolder, writeFiles } from './files.ts'

interface Watching {
  readonly watch: ConfigWatch
  readonly calls: string[][]
  /** Resolves with how long the next call took; rejects after the second that an operator is promised. */
  next(work: () => Promise<unknown>): Promise<{ ms: number; changed: string[] }>
}

function startWatch(t: TestContext, dir: string, extraPaths: string[] = []): Watching {
  const calls: string[][] = []
  let wake = () => {}
  const onChange = (changed: readonly string[]) => {
    calls.push([...changed])
    wake()
  }
  const watch = watchConfig({ dir, extraPaths, onChange })
  t.after(() => watch.close())
  return {
    watch,
    calls,
    async next(work) {
      const seen = calls.length
      const started = performance.now()
      await work()
      const deadline = setTimeout(() => wake(), 3000)
      while (calls.length === seen && performance.now() - started < 2900) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      clearTimeout(deadline)
      assert.ok(calls.length > seen, 'no change was reported')
      return { ms: performance.now() - started, changed: calls.at(-1) ?? [] }
    },
  }
}

const text = (n: number) => JSON.stringify({ routes: [], upstreams: {}, tenants: [{ id: `t${n}` }] })

const ways: [title: string, change: (path: string) => Promise<unknown>][] = [
  ['written in place', (path) => writeFile(path, text(1))],
  [
    'written in place with the same size',
    async (path) => {
      const handle = await open(path, 'r+')
      await handle.write('[', 0)
      await handle.close()
    },
  ],
  ['appended to', (path) => appendFile(path, '\n\n')],
  [
    'replaced by a rename',
    async (path) => {
      await writeFile(`${path}.new`, text(2))
      await rename(`${path}.new`, path)
    },
  ],
  ['deleted', (path) => unlink(path)],
  [
    'replaced by a symbolic link',
    async (path) => {
      await writeFile(`${path}.target`, text(3))
      await symlink(`${path}.target`, `${path}.link`)
      await rename(`${path}.link`, path)
    },
  ],
]

for (const [title, change] of ways) {
  test(`notices within a second that a file was ${title}`, async (t) => {
    const folder = await makeFolder(t)
    await writeFiles(folder)
    const watching = startWatch(t, folder)
    const path = join(folder, 'routes.json')
    const { ms, changed } = await watching.next(() => change(path))
    assert.deepEqual(changed, [path])
    assert.ok(ms < 1000, `${Math.round(ms)} ms`)
  })
}

test('notices a file that was deleted and made again', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const watching = startWatch(t, folder)
  const path = join(folder, 'plugins.json')
  await watching.next(() => rm(path))
  const { ms } = await watching.next(() => writeFile(path, text(4)))
  assert.ok(ms < 1000, `${Math.round(ms)} ms`)
})

test('notices the swap of a linked directory, as Kubernetes does it with ..data', async (t) => {
  const folder = await makeFolder(t)
  for (const [name, tenant] of [
    ['..v1', 1],
    ['..v2', 2],
  ] as const) {
    await mkdir(join(folder, name))
    await writeFiles(join(folder, name))
    await writeFile(join(folder, name, 'routes.json'), text(tenant))
  }
  await symlink('..v1', join(folder, '..data'))
  for (const name of ['gateway.json', 'routes.json', 'plugins.json']) {
    await symlink(join('..data', name), join(folder, name))
  }
  const watching = startWatch(t, folder)
  const { ms, changed } = await watching.next(async () => {
    await symlink('..v2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await rm(join(folder, '..v1'), { recursive: true })
  })
  assert.deepEqual(changed, [join(folder, 'routes.json')])
  assert.ok(ms < 1000, `${Math.round(ms)} ms`)
})

test('notices that the config directory itself was replaced, and further changes in the new one', async (t) => {
  const folder = await makeFolder(t)
  const dir = join(folder, 'config')
  await mkdir(dir)
  await writeFiles(dir)
  await cp(dir, join(folder, 'next'), { recursive: true })
  await writeFile(join(folder, 'next', 'routes.json'), text(5))
  const watching = startWatch(t, dir)
  await watching.next(async () => {
    await rename(dir, join(folder, 'old'))
    await rename(join(folder, 'next'), dir)
  })
  const { ms } = await watching.next(() => writeFile(join(dir, 'routes.json'), text(6)))
  assert.ok(ms < 1000, `${Math.round(ms)} ms`)
})

test('says nothing when content stays the same, and takes several writes for one change', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const path = join(folder, 'routes.json')
  await writeFile(path, text(0))
  const watching = startWatch(t, folder)
  await writeFile(path, text(0))
  await utimes(path, new Date(), new Date(0))
  await writeFile(`${path}.copy`, text(0))
  await rename(`${path}.copy`, path)
  await writeFile(join(folder, 'other.json'), '{}')
  // The next change comes after all of these: what they had caused would have been reported before it or with it.
  const { changed } = await watching.next(async () => {
    const handle = await open(join(folder, 'plugins.json'), 'w')
    for (const part of ['{"plug', 'ins":', ' []', '}']) await handle.write(part)
    await handle.close()
  })
  assert.deepEqual(changed, [join(folder, 'plugins.json')])
  assert.equal(watching.calls.length, 1)
})

test('after a refusal any write since the reading counts, also one that puts back what was there before', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const [routes, plugins] = ['routes.json', 'plugins.json'].map((name) => join(folder, name)) as [
    string,
    string,
  ]
  await writeFile(routes, text(0))
  const watching = startWatch(t, folder)
  watching.watch.reading()
  // Stands for a file that was broken when it was read, and mended before anybody looked.
  await writeFile(routes, text(0))
  const seen = await watching.next(() => writeFile(plugins, '{}'))
  assert.deepEqual(seen.changed, [plugins], 'by itself it is no change')
  const again = await watching.next(async () => watching.watch.refused())
  assert.ok(again.changed.includes(routes), again.changed.join())
  // What is still as it was read is not read again and again.
  watching.watch.reading()
  watching.watch.refused()
  const other = await watching.next(() => writeFile(plugins, '{ }'))
  assert.deepEqual(other.changed, [plugins])
})

test('watches further files, wherever they are, and stops when told to', async (t) => {
  const folder = await makeFolder(t)
  const secrets = await makeFolder(t)
  await writeFiles(folder)
  const watching = startWatch(t, folder, [join(secrets, 'a')])
  const first = await watching.next(() => writeFile(join(secrets, 'a'), '1'))
  assert.deepEqual(first.changed, [join(secrets, 'a')])
  watching.watch.follow([join(secrets, 'b')])
  await writeFile(join(secrets, 'a'), '2')
  const second = await watching.next(() => writeFile(join(secrets, 'b'), '1'))
  assert.deepEqual(second.changed, [join(secrets, 'b')])
})

test('a change after watchConfig returned is never missed, however soon it comes', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const watching = startWatch(t, folder)
  const { changed } = await watching.next(() => writeFile(join(folder, 'gateway.json'), '{}'))
  assert.deepEqual(changed, [join(folder, 'gateway.json')])
})

test('a missing directory can be watched until it appears', async (t) => {
  const folder = await makeFolder(t)
  const dir = join(folder, 'later')
  const watching = startWatch(t, dir)
  await watching.next(async () => {
    await mkdir(dir)
    await writeFiles(dir)
  })
})

test('notices a file that comes into a directory that is followed', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const rules = join(folder, 'rules')
  await mkdir(rules)
  const watching = startWatch(t, folder, [rules])
  const { changed } = await watching.next(() => writeFile(join(rules, 'new.conf'), 'x'))
  assert.deepEqual(changed, [rules])
})
