import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FamilyDump } from '../../../gateway/contract/metrics-dump.ts'
import { createWorkerMetrics, type WorkerMetrics } from '../../../gateway/dataplane/metrics.ts'

async function familyOf(metrics: WorkerMetrics, name: string): Promise<FamilyDump> {
  const dump = structuredClone(await metrics.dump())
  const family = dump.families.find((one) => one.name === name)
  assert.ok(family)
  return family
}

test('the dump survives a structured clone and holds every series', async () => {
  const metrics = createWorkerMetrics()
  metrics.port.counter('a_total', 'A.', ['x']).labels('1').inc(2)
  metrics.port.gauge('b', 'B.', []).labels().set(-4)
  const histogram = metrics.port.histogram('c_seconds', 'C.', ['x'], [0.1, 1]).labels('1')
  for (const seconds of [0.1, 0.2, 5]) histogram.observe(seconds)
  assert.deepEqual((await familyOf(metrics, 'a_total')).series, [{ labels: ['1'], value: 2 }])
  assert.deepEqual((await familyOf(metrics, 'b')).series, [{ labels: [], value: -4 }])
  assert.deepEqual((await familyOf(metrics, 'c_seconds')).series, [
    { labels: ['1'], counts: [1, 1, 1], sum: 5.3 },
  ])
})

test('asking again for a name or for label values gives the same instrument', async () => {
  const { port } = createWorkerMetrics()
  const first = port.counter('a_total', 'A.', ['x'])
  assert.equal(port.counter('a_total', 'A.', ['x']), first)
  assert.equal(first.labels('v'), first.labels('v'))
  assert.notEqual(first.labels('v'), first.labels('w'))
})

test('values that would look alike when joined keep their own series', async () => {
  const metrics = createWorkerMetrics()
  const counter = metrics.port.counter('a_total', 'A.', ['x', 'y'])
  counter.labels('a,b', 'c').inc()
  counter.labels('a', 'b,c').inc()
  counter.labels('a"', '\n').inc()
  assert.equal((await familyOf(metrics, 'a_total')).series.length, 3)
})

test('one name with another type, help, labels or buckets is an error that names it', () => {
  const { port } = createWorkerMetrics()
  port.counter('a_total', 'A.', ['x'])
  port.histogram('h_seconds', 'H.', [], [1])
  const clash = /Metric (a_total|h_seconds) is already defined with another/
  assert.throws(() => port.counter('a_total', 'Another help.', ['x']), clash)
  assert.throws(() => port.counter('a_total', 'A.', ['y']), clash)
  assert.throws(() => port.histogram('h_seconds', 'H.', [], [2]), clash)
})

for (const [what, define] of [
  ['a counter that does not end in _total', (m) => m.port.counter('a', 'A.', [])],
  ['a gauge that ends in _total', (m) => m.port.gauge('a_total', 'A.', [])],
  ['a histogram without a unit', (m) => m.port.histogram('a', 'A.', [], [1])],
  ['an empty help text', (m) => m.port.gauge('a', '', [])],
  ['a name with a dash', (m) => m.port.gauge('a-b', 'A.', [])],
  ['the label le', (m) => m.port.gauge('a', 'A.', ['le'])],
  ['buckets that do not go up', (m) => m.port.histogram('a_seconds', 'A.', [], [1, 1])],
  ['too few label values', (m) => m.port.gauge('a', 'A.', ['x']).labels()],
  [
    'a cap on a label that is not there',
    (m) => m.port.counter('a_total', 'A.', [], { capLabel: 'x', capValues: 1 }),
  ],
] satisfies [string, (metrics: WorkerMetrics) => unknown][]) {
  test(`refuses ${what}`, () => {
    assert.throws(() => define(createWorkerMetrics()), /^Error: Metric /)
  })
}

test('numbers that are none and negative increments change nothing', async () => {
  const metrics = createWorkerMetrics()
  const counter = metrics.port.counter('a_total', 'A.', []).labels()
  const histogram = metrics.port.histogram('h_seconds', 'H.', [], [1]).labels()
  for (const wrong of [Number.NaN, -1]) {
    counter.inc(wrong)
    histogram.observe(wrong)
  }
  assert.deepEqual((await familyOf(metrics, 'a_total')).series, [{ labels: [], value: 0 }])
  assert.deepEqual((await familyOf(metrics, 'h_seconds')).series, [{ labels: [], counts: [0, 0], sum: 0 }])
})

test('a capped label keeps a bounded number of series whatever arrives', async () => {
  const metrics = createWorkerMetrics()
  const counter = metrics.port.counter('a_total', 'A.', ['class', 'tenant'], {
    capLabel: 'tenant',
    capValues: 2,
  })
  for (let i = 0; i < 1000; i += 1) counter.labels('2xx', `tenant${i}`).inc()
  const family = await familyOf(metrics, 'a_total')
  assert.ok(family.kind === 'counter')
  const { series } = family
  assert.equal(series.length, 2 * 4 + 1)
  assert.equal(series.find((one) => one.labels[1] === 'other')?.value, 1000 - 2 * 4)
})
