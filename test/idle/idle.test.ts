import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFaults, holdIdle, type Round } from './idle.ts'

const megabyte = 1024 * 1024

test('two thousand idle connections cost little, keep nobody from being served, and leave nothing behind', async (t) => {
  const rounds = await holdIdle({ connections: 2_000, rounds: 3, idleSeconds: 1 })
  for (const { rssBytes } of rounds) {
    const shown = rssBytes.map((bytes) => Math.round(bytes / megabyte))
    t.diagnostic(`${shown.join(', ')} MB before them, with them, behind them`)
  }
  assert.deepEqual(findFaults(rounds, 2_000), [])
})

test('what they cost and leave behind is judged', () => {
  const good: Round = {
    ...{ open: 1_000, served: 10, asked: 10, left: 0, idleLoad: 0 },
    rssBytes: [100 * megabyte, 120 * megabyte, 110 * megabyte],
  }
  assert.deepEqual(findFaults([good, good], 1_000), [])
  const dear: Round = { ...good, rssBytes: [100 * megabyte, 140 * megabyte, 110 * megabyte] }
  assert.deepEqual(findFaults([good, dear], 1_000), ['each cost 41943 bytes, and 32768 is the bound'])
  const leaking: Round = { ...good, rssBytes: [110 * megabyte, 130 * megabyte, 130 * megabyte] }
  assert.match(findFaults([good, leaking], 1_000).join(), /20971520 bytes more were left behind/)
  const refusing: Round = { ...good, open: 999, served: 9, left: 1 }
  assert.equal(findFaults([refusing], 1_000).length, 3)
})
