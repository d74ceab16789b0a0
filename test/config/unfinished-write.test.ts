// A write of several files, cut off before each step that the disk can see: none of them changed, or all of them.
import assert from 'node:assert/strict'
import fs, { readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { finishWrite } from '../../config/unfinished-write.ts'
import { writeConfigFiles } from '../../config/write.ts'
import { makeFolder } from './files.ts'

const steps = ['rename', 'rm', 'open'] as const

/** Stops for ever before one of the steps, as far as the disk can tell; whether it came so far. */
async function writeStoppedAt(dir: string, step: number): Promise<boolean> {
  const real = Object.fromEntries(steps.map((name) => [name, fs[name]]))
  const { promise: stopped, resolve } = Promise.withResolvers<boolean>()
  let left = step
  for (const name of steps) {
    const does = fs[name] as (...given: unknown[]) => unknown
    const stopping = (...given: unknown[]) => {
      if (left-- > 0) return does(...given)
      resolve(true)
      return new Promise(() => {})
    }
    Object.assign(fs, { [name]: stopping })
  }
  syncBuiltinESMExports()
  const written = writeConfigFiles(dir, { routes: { n: 2 }, plugins: { n: 2 } }).then(() => false)
  const wasStopped = await Promise.race([stopped, written])
  Object.assign(fs, real)
  syncBuiltinESMExports()
  return wasStopped
}

const numberIn = async (path: string) => JSON.parse(await readFile(path, 'utf8')).n as number

test('killed before any step, two files are both old or both new, and nothing is left over', async (t) => {
  const seen = new Set<number>()
  for (let step = 0; ; step++) {
    const dir = await makeFolder(t)
    await writeConfigFiles(dir, { routes: { n: 1 }, plugins: { n: 1 } })
    const stopped = await writeStoppedAt(dir, step)
    await finishWrite(dir)
    const numbers = [await numberIn(join(dir, 'routes.json')), await numberIn(join(dir, 'plugins.json'))]
    assert.equal(numbers[0], numbers[1], `killed at step ${step}: ${numbers}`)
    seen.add(numbers[0] as number)
    // What was staged for nothing is old enough to go at some later start.
    const left = (await readdir(dir)).filter((name) => name.startsWith('.'))
    for (const name of left) await utimes(join(dir, name), 0, 0)
    await finishWrite(dir)
    assert.deepEqual((await readdir(dir)).sort(), ['plugins.json', 'routes.json'], `killed at step ${step}`)
    if (!stopped) break
  }
  assert.deepEqual([...seen].sort(), [1, 2])
})

test('a file behind a link is finished where it lies; a broken note and the files of others are left alone', async (t) => {
  const [dir, elsewhere] = [await makeFolder(t), await makeFolder(t)]
  await writeFile(join(elsewhere, 'real.json'), '{"n":1}')
  await symlink(join(elsewhere, 'real.json'), join(dir, 'routes.json'))
  await writeConfigFiles(dir, { plugins: { n: 1 } })
  await writeConfigFiles(dir, { routes: { n: 2 }, plugins: { n: 2 } })
  assert.equal(await numberIn(join(elsewhere, 'real.json')), 2)
  await writeFile(join(dir, '.aegis-write.json'), '{"files":[')
  await writeFile(join(dir, '.mine.tmp'), '')
  await utimes(join(dir, '.mine.tmp'), 0, 0)
  await finishWrite(dir)
  assert.deepEqual((await readdir(dir)).sort(), ['.mine.tmp', 'plugins.json', 'routes.json'])
  assert.equal(await numberIn(join(dir, 'routes.json')), 2)
})
