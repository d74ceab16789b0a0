// A write of several files, killed before each step that can be seen from outside: none of them changed, or all of them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { finishWrite } from '../../config/unfinished-write.ts'
import { writeConfigFiles } from '../../config/write.ts'
import { makeFolder } from './files.ts'

const write = import.meta.resolve('../../config/write.ts')
const script = `
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
const [dir, step] = process.argv.slice(1)
let left = Number(step)
for (const name of ['rename', 'rm', 'open']) {
  const real = fs[name]
  fs[name] = (...args) => {
    if (left-- === 0) process.kill(process.pid, 'SIGKILL')
    return real(...args)
  }
}
syncBuiltinESMExports()
const { writeConfigFiles } = await import('${write}')
await writeConfigFiles(dir, { routes: { n: 2 }, plugins: { n: 2 } })
`

async function writeKilledAt(dir: string, step: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir, String(step)], {
    stdio: 'inherit',
  })
  const [, signal] = await once(child, 'exit')
  return signal === 'SIGKILL'
}

const numberIn = async (path: string) => JSON.parse(await readFile(path, 'utf8')).n as number

test('killed before any step, two files are both old or both new, and nothing is left over', async (t) => {
  const seen = new Set<number>()
  for (let step = 0; ; step++) {
    const dir = await makeFolder(t)
    await writeConfigFiles(dir, { routes: { n: 1 }, plugins: { n: 1 } })
    const killed = await writeKilledAt(dir, step)
    await finishWrite(dir)
    const numbers = [await numberIn(join(dir, 'routes.json')), await numberIn(join(dir, 'plugins.json'))]
    assert.equal(numbers[0], numbers[1], `killed at step ${step}: ${numbers}`)
    seen.add(numbers[0] as number)
    // What was staged for nothing is old enough to go at some later start.
    const left = (await readdir(dir)).filter((name) => name.startsWith('.'))
    for (const name of left) await utimes(join(dir, name), 0, 0)
    await finishWrite(dir)
    assert.deepEqual((await readdir(dir)).sort(), ['plugins.json', 'routes.json'], `killed at step ${step}`)
    if (!killed) break
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
