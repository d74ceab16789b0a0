import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAudit } from '../../../gateway/control/audit.ts'
import { createTestClock } from '../../support/clock.ts'
import { waitUntil } from '../../support/gateway.ts'
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

test('what a crash cut off takes no later entry with it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-audit-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'audit.jsonl')
  await appendFile(file, '{"at":"2026-01-01T00:00:0')
  const { log } = createTestPorts()
  const audit = await createAudit(file, createTestClock(), log)
  audit.add({ by: 'ops', action: 'later', outcome: 'ok', version: null })
  await audit.flush()
  const again = await createAudit(file, createTestClock(), log)
  assert.deepEqual(
    again.list().map(({ action }) => action),
    ['later'],
  )
})

test('entries that could not be written are written when that is possible again, each once', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-audit-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'audit.jsonl')
  // A folder in its place: nothing can be appended.
  await mkdir(file)
  const clock = createTestClock()
  const { log, logged } = createTestPorts()
  const audit = await createAudit(file, clock, log)
  for (const action of ['one', 'two', 'three']) audit.add({ by: 'ops', action, outcome: 'ok', version: null })
  await audit.flush()
  assert.equal(logged.filter(({ level }) => level === 'warn').length, 1)
  await rm(file, { recursive: true })
  clock.advance(1_000)
  // The file is there before its first byte is.
  const written = await waitUntil(async () => {
    const text = await readFile(file, 'utf8').catch(() => '')
    return text !== '' && text
  })
  const actions = written.trimEnd().split('\n')
  assert.deepEqual(
    actions.map((line) => JSON.parse(line).action),
    ['one', 'two', 'three'],
  )
})
