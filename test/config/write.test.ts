import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfigFiles } from '../../config/load.ts'
import { writeConfigFiles } from '../../config/write.ts'
import { ConfigError } from '../../gateway/contract/errors.ts'
import { goodFiles, makeFolder, writeFiles } from './files.ts'

test('writes only the given files, as JSON with two spaces and a final newline', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const before = await readFile(join(folder, 'gateway.json'), 'utf8')
  await writeConfigFiles(folder, { routes: { routes: [{ id: 'é' }] } })
  assert.equal(
    await readFile(join(folder, 'routes.json'), 'utf8'),
    '{\n  "routes": [\n    {\n      "id": "é"\n    }\n  ]\n}\n',
  )
  assert.equal(await readFile(join(folder, 'gateway.json'), 'utf8'), before)
  assert.deepEqual((await readdir(folder)).sort(), ['gateway.json', 'plugins.json', 'routes.json'])
})

test('what was written is what is read', async (t) => {
  const folder = await makeFolder(t)
  const files = goodFiles()
  await writeConfigFiles(folder, files)
  const read = await readConfigFiles(folder)
  assert.deepEqual(read, { files, problems: [] })
  assert.equal((await stat(join(folder, 'routes.json'))).mode & 0o777, 0o644)
})

test("keeps a file's mode", async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  await chmod(join(folder, 'plugins.json'), 0o640)
  await writeConfigFiles(folder, { plugins: { plugins: [] } })
  assert.equal((await stat(join(folder, 'plugins.json'))).mode & 0o777, 0o640)
})

test('writes through a symbolic link to its target', async (t) => {
  const folder = await makeFolder(t)
  const elsewhere = await makeFolder(t)
  await writeFile(join(elsewhere, 'real.json'), '{}')
  await symlink(join(elsewhere, 'real.json'), join(folder, 'routes.json'))
  await writeConfigFiles(folder, { routes: { routes: [] } })
  assert.ok((await lstat(join(folder, 'routes.json'))).isSymbolicLink())
  assert.deepEqual(JSON.parse(await readFile(join(elsewhere, 'real.json'), 'utf8')), { routes: [] })
  assert.deepEqual(await readdir(elsewhere), ['real.json'])
})

test('replaces files, so that a reader with the old one open never sees half of the new one', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const before = await stat(join(folder, 'routes.json'))
  await writeConfigFiles(folder, { routes: {} })
  assert.notEqual((await stat(join(folder, 'routes.json'))).ino, before.ino)
})

test('writes none of several files when one cannot be written, and leaves nothing behind', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const before = await readFile(join(folder, 'gateway.json'), 'utf8')
  const broken = join(folder, 'sub')
  await mkdir(broken)
  await writeFile(join(broken, 'x'), '')
  // plugins.json leads into a "directory" that is a file.
  await unlink(join(folder, 'plugins.json'))
  await symlink(join(broken, 'x', 'plugins.json'), join(folder, 'plugins.json'))
  await assert.rejects(writeConfigFiles(folder, { gateway: { listeners: [] }, plugins: {} }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /^plugins\.json: The file cannot be written: .*must be writable/)
    return true
  })
  assert.equal(await readFile(join(folder, 'gateway.json'), 'utf8'), before)
  assert.deepEqual((await readdir(folder)).sort(), ['gateway.json', 'plugins.json', 'routes.json', 'sub'])
})

test('puts back what it has replaced when a later file cannot be put in place', async (t) => {
  const folder = await makeFolder(t)
  await writeFiles(folder)
  const before = await readFile(join(folder, 'gateway.json'), 'utf8')
  // As with a file that is a mount point of its own: it can be written beside, but not replaced.
  await unlink(join(folder, 'plugins.json'))
  await mkdir(join(folder, 'plugins.json'))
  await assert.rejects(writeConfigFiles(folder, { gateway: { listeners: [] }, plugins: {} }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /^plugins\.json: The file cannot be written: .*must be writable/)
    return true
  })
  assert.equal(await readFile(join(folder, 'gateway.json'), 'utf8'), before)
  assert.deepEqual((await readdir(folder)).sort(), ['gateway.json', 'plugins.json', 'routes.json'])
})
