import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRandom } from '../support/random.ts'
import { judgeAll } from './curves.ts'
import { toPicture } from './picture.ts'
import { judge, type Point } from './verdict.ts'

const minuteMs = 60_000
const tolerance = { share: 0.1, amount: 8 }

/** A sample every five seconds for twenty minutes. */
function curve(value: (share: number, random: (most: number) => number) => number): Point[] {
  const random = createRandom(7)
  const noise = (most: number) => (random.int(1_000) / 1_000) * most
  return Array.from({ length: 240 }, (_, n) => ({ atMs: n * 5_000, value: value(n / 239, noise) }))
}

const sawtooth = (share: number) => ((share * 60) % 1) * 40

describe('a curve is flat that', () => {
  const flat: readonly [string, Point[]][] = [
    ['is one value', curve(() => 100)],
    ['saws, as garbage collection does', curve((share, noise) => 100 + sawtooth(share) + noise(10))],
    ['has spikes', curve((_, noise) => (noise(1) > 0.9 ? 1_000 : 100))],
    ['had one spike at its end', curve((share) => (share > 0.97 ? 1_000 : 100))],
    ['falls', curve((share) => 200 - 100 * share)],
    ['grows by less than is allowed', curve((share, noise) => 100 + 5 * share + noise(3))],
    ['goes up and down again', curve((share) => 100 + 60 * Math.sin(share * Math.PI))],
  ]
  for (const [title, points] of flat) {
    test(title, () => {
      const verdict = judge(points, tolerance)
      assert.ok(verdict.flat, JSON.stringify(verdict))
    })
  }
})

describe('a curve is not flat that', () => {
  const growing: readonly [string, Point[]][] = [
    ['grows steadily', curve((share) => 100 + 20 * share)],
    ['grows beneath its saw', curve((share, noise) => 100 + 40 * share + sawtooth(share) + noise(10))],
    ['grows in steps', curve((share) => 100 + 10 * Math.floor(share * 4))],
    ['grows fast at first, and on', curve((share) => 100 + 60 * Math.sqrt(share))],
    ['is not there', []],
    ['is no number', curve(() => Number.NaN)],
  ]
  for (const [title, points] of growing) {
    test(title, () => {
      const verdict = judge(points, tolerance)
      assert.ok(!verdict.flat, JSON.stringify(verdict))
    })
  }
})

test('what comes back to where it was in the warm-up has not grown, where that is allowed; what goes on has', () => {
  const warm = curve((_, noise) => 470 + noise(10))
  const back = curve((share, noise) => 340 + 140 * Math.min(1, 2 * share) + noise(5))
  const beyond = curve((share, noise) => 340 + 300 * share + noise(5))
  const fromPeak = { ...tolerance, fromPeak: true }
  assert.equal(judge(back, fromPeak, warm).flat, true)
  assert.equal(judge(back, tolerance, warm).flat, false)
  assert.equal(judge(beyond, fromPeak, warm).flat, false)
  assert.equal(judge(beyond, fromPeak, []).flat, false)
})

test('what grew only in the warm-up is flat; each curve is judged by itself', () => {
  const samples = Array.from({ length: 100 }, (_, n) => ({
    atMs: n * minuteMs,
    values: { rss: 100e6 * Math.min(1, (n + 10) / 30), series: 100 + n, 'worker 0 lag': n },
  }))
  const judged = judgeAll(samples, 30 * minuteMs)
  assert.deepEqual(
    judged.map(({ name, flat }) => [name, flat]),
    [
      ['rss', true],
      ['series', false],
    ],
  )
  assert.equal(judgeAll(samples, 0).find(({ name }) => name === 'rss')?.flat, true, 'most of it stood still')
})

test('the picture has a panel for each subject and a line for each curve', () => {
  const samples = [0, 1, 2].map((n) => ({
    atMs: n * minuteMs,
    values: { rss: 50e6, 'worker 0 heap': 20e6 + n, 'worker 1 heap': 21e6 },
  }))
  const svg = toPicture(samples, { caption: 'a soak', warmMs: minuteMs })
  assert.equal(svg.match(/<polyline/g)?.length, 3)
  assert.equal(svg.match(/class="name"/g)?.length, 2)
  assert.match(svg, /worker 1 heap 21 MB/)
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
})
