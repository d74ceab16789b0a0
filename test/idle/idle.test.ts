import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdIdle } from './idle.ts'

const megabyte = 1024 * 1024

test('two thousand idle connections cost little, keep nobody from being served, and leave nothing behind', async (t) => {
  const rounds = await holdIdle({ connections: 2_000, rounds: 4, idleSeconds: 1 })
  for (const { open, served, asked, left, rssBytes } of rounds) {
    assert.ok(open >= 2_000, `${open} open`)
    assert.equal(served, asked)
    assert.ok(left <= 0, `${left} left open`)
    const [before, during, after] = rssBytes
    assert.ok(during - before < 2_000 * 32 * 1024, `${during - before} bytes more with them`)
    const shown = [before, during, after].map((bytes) => Math.round(bytes / megabyte))
    t.diagnostic(`${shown.join(', ')} MB before them, with them, behind them`)
  }
  // A heap comes to its size in any of them; what leaks is more behind each.
  const behind = rounds.map(({ rssBytes }) => rssBytes[2])
  const last = behind.pop() as number
  assert.ok(
    last < Math.max(...behind) + 20 * megabyte,
    `${behind} bytes behind the others, ${last} behind the last`,
  )
})
