import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fairShare, Overload } from '../../../gateway/dataplane/overload.ts'

/** Refusals of each tenant in one beat, of so many requests of each. */
function beat(
  overload: Overload,
  lagMs: number,
  asked: Readonly<Record<string, number>>,
): Record<string, number> {
  const refused: Record<string, number> = {}
  for (const [tenant, count] of Object.entries(asked)) {
    refused[tenant] = 0
    for (let i = 0; i < count; i++) if (overload.refuses(tenant)) refused[tenant] += 1
  }
  overload.observe(lagMs)
  return refused
}

describe('overload', () => {
  const load = { noisy: 500, a: 5, b: 5, c: 5 }

  test('nobody is refused while the loop keeps up, nor for one long pause', () => {
    const overload = new Overload(() => 100)
    for (const lagMs of [0, 99, 100, 5_000, 0, 100, 5_000, 20, 30]) {
      assert.deepEqual(beat(overload, lagMs, load), { noisy: 0, a: 0, b: 0, c: 0 })
    }
    assert.deepEqual(beat(overload, 0, load), { noisy: 0, a: 0, b: 0, c: 0 })
  })

  test('a lag that stays makes more and more requests refused, all of them of the busiest tenant', () => {
    const overload = new Overload(() => 100)
    for (let i = 0; i < 3; i++) beat(overload, 200, load)
    const refused: number[] = []
    for (let i = 0; i < 20; i++) {
      const { noisy, ...others } = beat(overload, 200, load)
      assert.deepEqual(others, { a: 0, b: 0, c: 0 })
      refused.push(noisy ?? 0)
    }
    assert.deepEqual(
      refused.toSorted((a, b) => a - b),
      refused,
    )
    assert.ok((refused[0] as number) >= 20 && (refused[0] as number) <= 160, `${refused[0]} at first`)
    assert.ok((refused.at(-1) as number) >= 0.85 * 500, `${refused.at(-1)} in the end`)
  })

  test('what is refused goes back as the lag goes, to nothing', () => {
    const overload = new Overload(() => 100)
    for (let i = 0; i < 30; i++) beat(overload, 200, load)
    for (let i = 0; i < 2; i++) beat(overload, 0, load)
    const refused = Array.from({ length: 20 }, () => beat(overload, 0, load).noisy as number)
    assert.deepEqual(
      refused.toSorted((a, b) => b - a),
      refused,
    )
    assert.equal(refused.at(-1), 0)
  })

  test('somebody is always served: one tenant alone, and each of many', () => {
    const overload = new Overload(() => 100)
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`t${index}`, 1]))
    for (let i = 0; i < 30; i++) beat(overload, 9_999, many)
    assert.ok(Object.values(beat(overload, 9_999, many)).every((count) => count === 0))
    for (let i = 0; i < 30; i++) beat(overload, 9_999, { noisy: 500 })
    assert.ok((beat(overload, 9_999, { noisy: 500 }).noisy as number) < 500)
  })

  test('0 turns it off', () => {
    const overload = new Overload(() => 0)
    for (let i = 0; i < 30; i++) assert.equal(beat(overload, 60_000, load).noisy, 0)
  })

  for (const [counts, share, expected] of [
    [[10, 10, 10], 1, Infinity],
    [[10, 10, 10], 0.5, 5],
    [[100, 10, 10], 0.5, 40],
    [[100, 100, 10], 0.5, 47.5],
    [[], 0.5, Infinity],
    [[1], 0.05, 1],
  ] as const) {
    test(`of ${counts.join(', ') || 'none'} requests, ${share} of all: up to ${expected} each`, () => {
      assert.equal(fairShare(counts, share), expected)
    })
  }
})
