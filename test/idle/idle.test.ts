import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdIdle } from './idle.ts'

const megabyte = 1024 * 1024

test('two thousand idle connections cost little, keep nobody from being served, and leave nothing behind', async (t) => {
  const rounds = await holdIdle({ connections: 2_000, rounds: 3, idleSeconds: 1 })
  for (const { open, served, asked, left, rssBytes } of rounds) {
    assert.ok(open >= 2_000, `${open} open`)
    assert.equal(served, asked)
    assert.ok(left <= 0, `${left} left open`)
    const [before, during, after] = rssBytes
    assert.ok(during - before < 2_000 * 32 * 1024, `${during - before} bytes more with them`)
    const shown = [before, during, after].map((bytes) => Math.round(bytes / megabyte))
    t.diagnostic(`${shown.join(', ')} MB before them, with them, behind them`)
  }
  const [first, , last] = rounds.map(({ rssBytes }) => rssBytes[2]) as [number, number, number]
  assert.ok(last < first + 20 * megabyte, `${first} bytes behind the first round, ${last} behind the last`)
})
