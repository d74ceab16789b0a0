import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAudit } from '../../../gateway/control/audit.ts'
import { createTestClock } from '../../support/clock.ts'
import { createTestPorts } from '../../support/ports.ts'

test('entries keep their order within one millisecond and over a restart, whatever a crash cut off', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-audit-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'state', 'audit.jsonl')
  const { log } = createTestPorts()
  const first = await createAudit(file, createTestClock(), log)
  const actions = ['one', 'two', 'three', 'four']
  for (const action of actions) first.add({ by: 'ops', action, outcome: 'ok', version: null })
  await first.flush()
  await appendFile(file, '{"at":"2026-01-01T00:00:0')
  const second = await createAudit(file, createTestClock(), log)
  const listed = [first.list(), second.list()].map((entries) => entries.map(({ action }) => action))
  assert.deepEqual(listed, [actions, actions])
})
