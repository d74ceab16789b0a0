import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLastGood } from '../../../../gateway/control/discovery/last-good.ts'
import { createTestClock } from '../../../support/clock.ts'
import { createTestPorts } from '../../../support/ports.ts'

test('endpoints that could not be kept are kept by themselves once the disk takes them', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-endpoints-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const path = join(dir, 'endpoints.json')
  const clock = createTestClock()
  const { log, logged } = createTestPorts()
  const first = createLastGood(path, clock, log)
  // A folder in its place, which no file can be renamed over.
  await mkdir(join(path, 'x'), { recursive: true })
  const targets = [{ url: 'http://127.0.0.1:1', weight: 1 }]
  first.set('api', 'consul', targets)
  await first.flush()
  clock.advance(1_000)
  await first.flush()
  assert.equal(logged.length, 1, 'it is said once')
  await rm(path, { recursive: true })
  clock.advance(1_000)
  await first.flush()
  assert.deepEqual(createLastGood(path, clock, log).get('api', 'consul'), targets)
})
