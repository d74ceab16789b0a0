import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdIdle } from './idle.ts'

const megabyte = 1024 * 1024

test('two thousand idle connections cost little, keep nobody from being served, and leave nothing behind', async (t) => {
  const rounds = await holdIdle({ connections: 2_000, rounds: 3, idleSeconds: 1 })
  for (const { open, served, asked, left, rssBytesPerConnection, rssBytesAfter } of rounds) {
    assert.ok(open >= 2_000, `${open} open`)
    assert.equal(served, asked)
    assert.ok(left <= 0, `${left} left open`)
    t.diagnostic(
      `${(rssBytesPerConnection / 1024).toFixed(1)} KB a connection, ${Math.round(rssBytesAfter / megabyte)} MB behind them`,
    )
  }
  const [first, , last] = rounds.map(({ rssBytesAfter }) => rssBytesAfter) as [number, number, number]
  assert.ok((rounds[0]?.rssBytesPerConnection ?? 0) < 32 * 1024)
  assert.ok(last < first + 20 * megabyte, `${first} bytes behind the first round, ${last} behind the last`)
})
