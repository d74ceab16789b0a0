// Large configs: time must grow with size, not with its square. Bounds are several times what an idle machine needs.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfigFiles } from '../../config/load.ts'
import { build, goodFiles, type MutableFiles, makeFolder, writeFiles } from './files.ts'

function largeFiles(count: number): MutableFiles {
  const files = goodFiles()
  files.routes.tenants = Array.from({ length: count }, (_, i) => ({
    id: `t${i}`,
    hosts: [`api.t${i}.test`, `www.t${i}.test`],
    plan: i % 2 === 0 ? 'free' : 'pro',
    metadata: { name: `Tenant ${i}` },
  }))
  files.routes.routes = Array.from({ length: count }, (_, i) => ({
    id: `r${i}`,
    hosts: [`api.t${i}.test`],
    paths: [`/v1/things/{id}/parts/${i % 7}/*`, '/v1/other'],
    methods: ['GET', 'POST'],
    upstream: 'api',
    rewrite: { stripPrefix: '/v1' },
    permission: { resource: 'things' },
  }))
  return files
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

test('ten thousand tenants and ten thousand routes are validated in about a second', () => {
  const files = largeFiles(10_000)
  build(goodFiles())
  const spent = cpuMs(() => {
    const built = build(files)
    assert.ok(built.ok)
    assert.equal(built.snapshot.tenants.length, 10_000)
    assert.equal(built.snapshot.routes.length, 10_000)
  })
  assert.ok(spent < 3000, `${Math.round(spent)} ms`)
})

test('ten thousand broken routes are refused as quickly', () => {
  const files = largeFiles(10_000)
  for (const route of files.routes.routes)
    Object.assign(route, { auth: 'x', upstream: 'y', hosts: [], scope: 1 })
  const spent = cpuMs(() => {
    const built = build(files)
    assert.ok(!built.ok)
    assert.equal(built.problems.length, 101)
  })
  assert.ok(spent < 4000, `${Math.round(spent)} ms`)
})

test('ten thousand twins are found in linear time', () => {
  const files = largeFiles(10_000)
  for (const route of files.routes.routes) route.hosts = []
  const spent = cpuMs(() => assert.ok(!build(files).ok))
  assert.ok(spent < 3000, `${Math.round(spent)} ms`)
})

test('two thousand instances of a plugin for single tenants are checked quickly', () => {
  const files = largeFiles(2000)
  for (let i = 0; i < 2000; i++) {
    files.plugins.plugins.push({
      id: `limit-${i}`,
      plugin: 'limit',
      scope: { tenants: [`t${i}`] },
      config: { limit: 1 },
    })
  }
  const spent = cpuMs(() => assert.ok(build(files).ok))
  assert.ok(spent < 3000, `${Math.round(spent)} ms`)
})

test('a file of ten megabytes is read and validated', async (t) => {
  const folder = await makeFolder(t)
  const files = goodFiles()
  files.routes.tenants[0].metadata = {
    notes: Array.from({ length: 100_000 }, (_, i) => `${i} ${'é"\\'.repeat(25)}`),
  }
  await writeFiles(folder, files)
  await writeFile(join(folder, 'routes.json'), JSON.stringify(files.routes, null, 2))
  const read = await readConfigFiles(folder)
  assert.deepEqual(read.problems, [])
  const spent = cpuMs(() => assert.ok(build(read.files as MutableFiles).ok))
  assert.ok(JSON.stringify(files.routes).length > 10_000_000)
  assert.ok(spent < 3000, `${Math.round(spent)} ms`)
})
