import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { createMetricsMerge, type MetricsMerge } from '../../../gateway/control/metrics.ts'
import { createWorkerMetrics, type WorkerMetrics } from '../../../gateway/dataplane/metrics.ts'

async function textOf(merge: MetricsMerge, workers: Record<number, WorkerMetrics>): Promise<string> {
  const dumps = new Map<number, Awaited<ReturnType<WorkerMetrics['dump']>>>()
  for (const [index, worker] of Object.entries(workers)) {
    dumps.set(Number(index), structuredClone(await worker.dump()))
  }
  return (await merge.merge(dumps)).text
}

/** Value of one exact series, such as `a_total{x="1"}`. */
function sampleOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

function countUp(worker: WorkerMetrics, by: number): void {
  worker.port.counter('a_total', 'A.', ['x']).labels('1').inc(by)
}

test('sums counters and histograms over workers and tells their gauges apart', async () => {
  const merge = createMetricsMerge()
  const workers = [createWorkerMetrics(), createWorkerMetrics()]
  workers.forEach((worker, i) => {
    countUp(worker, i + 1)
    worker.port
      .gauge('aegis_connections', 'Open.', [])
      .labels()
      .set(10 + i)
    const histogram = worker.port.histogram('h_seconds', 'H.', ['route'], [0.1, 1]).labels('r')
    for (const seconds of [0.05, 0.5, 2]) histogram.observe(seconds)
  })
  const text = await textOf(merge, { ...workers })
  assert.equal(sampleOf(text, 'a_total{x="1"}'), 3)
  assert.equal(sampleOf(text, 'aegis_connections{worker="0"}'), 10)
  assert.equal(sampleOf(text, 'aegis_connections{worker="1"}'), 11)
  assert.equal(sampleOf(text, 'h_seconds_bucket{route="r",le="0.1"}'), 2)
  assert.equal(sampleOf(text, 'h_seconds_bucket{route="r",le="1"}'), 4)
  assert.equal(sampleOf(text, 'h_seconds_bucket{route="r",le="+Inf"}'), 6)
  assert.equal(sampleOf(text, 'h_seconds_count{route="r"}'), 6)
  assert.equal(sampleOf(text, 'h_seconds_sum{route="r"}'), 5.1)
})

test('shows the main thread its own instruments, the same one for the same name', async () => {
  const merge = createMetricsMerge()
  merge.own.gauge('aegis_config_version', 'Version.', []).labels().set(7)
  merge.own.counter('aegis_config_reloads_total', 'Reloads.', ['result']).labels('ok').inc()
  merge.own.counter('aegis_config_reloads_total', 'Reloads.', ['result']).labels('ok').inc()
  const { contentType, text } = await merge.merge(new Map())
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(sampleOf(text, 'aegis_config_version'), 7)
  assert.equal(sampleOf(text, 'aegis_config_reloads_total{result="ok"}'), 2)
  assert.ok((sampleOf(text, 'process_cpu_seconds_total') ?? 0) > 0)
  assert.ok((sampleOf(text, 'process_resident_memory_bytes') ?? 0) > 1e6)
  assert.throws(() => merge.own.gauge('aegis_config_version', 'Another.', []), /aegis_config_version/)
})

test('a gauge of things that come and go forgets those that went', async () => {
  const merge = createMetricsMerge()
  const health = merge.own.gauge('aegis_upstream_health', 'Health.', ['target'])
  health.labels('old').set(0)
  health.reset()
  health.labels('new').set(1)
  const { text } = await merge.merge(new Map())
  assert.equal(sampleOf(text, 'aegis_upstream_health{target="old"}'), undefined)
  assert.equal(sampleOf(text, 'aegis_upstream_health{target="new"}'), 1)
})

test('the counts of a dead worker stay and its gauges go', async () => {
  const merge = createMetricsMerge()
  const [first, second, reborn] = [createWorkerMetrics(), createWorkerMetrics(), createWorkerMetrics()]
  countUp(first, 5)
  countUp(second, 7)
  second.port.gauge('g', 'G.', []).labels().set(1)
  second.port.histogram('h_seconds', 'H.', [], [1]).labels().observe(0.5)
  await textOf(merge, { 0: first, 1: second })
  merge.retire(1)
  const without = await textOf(merge, { 0: first })
  assert.equal(sampleOf(without, 'a_total{x="1"}'), 12)
  assert.equal(sampleOf(without, 'h_seconds_count'), 1)
  assert.equal(sampleOf(without, 'g{worker="1"}'), undefined)
  countUp(reborn, 1)
  assert.equal(sampleOf(await textOf(merge, { 0: first, 1: reborn }), 'a_total{x="1"}'), 13)
})

test('a new worker under an old index is noticed without being told', async () => {
  const merge = createMetricsMerge()
  const [old, reborn] = [createWorkerMetrics(), createWorkerMetrics()]
  countUp(old, 5)
  countUp(reborn, 1)
  await textOf(merge, { 0: old })
  assert.equal(sampleOf(await textOf(merge, { 0: reborn }), 'a_total{x="1"}'), 6)
})

test('the late answer of a dead worker is not counted again', async () => {
  const merge = createMetricsMerge()
  const [old, reborn] = [createWorkerMetrics(), createWorkerMetrics()]
  countUp(old, 5)
  await textOf(merge, { 0: old })
  merge.retire(0)
  assert.equal(sampleOf(await textOf(merge, { 0: old }), 'a_total{x="1"}'), 5)
  assert.equal(sampleOf(await textOf(merge, { 0: reborn }), 'a_total{x="1"}'), 5)
})

test('a worker that does not answer, or whose answer is overtaken, never turns a counter back', async () => {
  const merge = createMetricsMerge()
  const worker = createWorkerMetrics()
  countUp(worker, 5)
  const early = await worker.dump()
  countUp(worker, 5)
  assert.equal(sampleOf(await textOf(merge, { 0: worker }), 'a_total{x="1"}'), 10)
  assert.equal(sampleOf((await merge.merge(new Map([[0, early]]))).text, 'a_total{x="1"}'), 10)
  assert.equal(sampleOf(await textOf(merge, {}), 'a_total{x="1"}'), 10)
})

function countTenant(worker: WorkerMetrics, tenant: string, by: number, cap = 2): void {
  const options = { capLabel: 'tenant', capValues: cap }
  worker.port.counter('t_total', 'T.', ['tenant'], options).labels(tenant).inc(by)
}

test('a capped label keeps the busiest values of all workers and counts what it folds', async () => {
  const merge = createMetricsMerge()
  const workers = [createWorkerMetrics(), createWorkerMetrics()] as const
  countTenant(workers[0], 'small', 1)
  countTenant(workers[0], 'big', 10)
  countTenant(workers[1], 'spread', 6)
  countTenant(workers[0], 'spread', 6)
  const text = await textOf(merge, { ...workers })
  assert.equal(sampleOf(text, 't_total{tenant="spread"}'), 12)
  assert.equal(sampleOf(text, 't_total{tenant="big"}'), 10)
  assert.equal(sampleOf(text, 't_total{tenant="small"}'), undefined)
  assert.equal(sampleOf(text, 't_total{tenant="other"}'), 1)
  assert.equal(sampleOf(text, 'aegis_metric_series_overflow_total{metric="t_total"}'), 1)
})

test('no series of a capped metric ever goes backwards: not by rank, death or another cap', async () => {
  const merge = createMetricsMerge()
  let workers: WorkerMetrics[] = [createWorkerMetrics(), createWorkerMetrics()]
  const seen = new Map<string, number>()
  for (let round = 0; round < 60; round += 1) {
    for (let i = 0; i < 12; i += 1) {
      // Another tenant is the busiest in each round, and the cap goes up and down.
      const cap = round < 20 ? 2 : round < 40 ? 6 : 3
      countTenant(workers[i % 2] as WorkerMetrics, `t${i}`, i === round % 12 ? 50 : 1, cap)
    }
    if (round % 13 === 12) {
      await textOf(merge, { ...workers })
      merge.retire(1)
      workers = [workers[0] as WorkerMetrics, createWorkerMetrics()]
    }
    const text = await textOf(merge, { ...workers })
    for (const [line] of text.matchAll(/^t_total\{.*$/gm)) {
      const [series, value] = line.split(' ') as [string, string]
      assert.ok(Number(value) >= (seen.get(series) ?? 0), `${series} went back to ${value} in round ${round}`)
      seen.set(series, Number(value))
    }
    const total = [...seen.values()].reduce((sum, value) => sum + value, 0)
    assert.equal(total, (round + 1) * 61, 'nothing is lost or counted twice')
  }
  assert.ok(seen.size <= 6 + 1)
})

test("a worker's metric cannot take the place of one of the main thread", async () => {
  const merge = createMetricsMerge()
  const worker = createWorkerMetrics()
  worker.port.counter('process_cpu_seconds_total', 'Not this.', []).labels().inc(1e9)
  const text = await textOf(merge, { 0: worker })
  assert.ok((sampleOf(text, 'process_cpu_seconds_total') ?? 1e9) < 1e6)
  assert.match(text, /# Not shown: .*process_cpu_seconds_total/)
})

test('hostile label values stay inside their quotes', async () => {
  const merge = createMetricsMerge()
  const worker = createWorkerMetrics()
  worker.port.gauge('g', 'G.', ['x']).labels('a"} 1\nforged_total 5\\').set(1)
  const text = await textOf(merge, { 0: worker })
  assert.doesNotMatch(text, /^forged_total/m)
  assert.match(text, /^g\{worker="0",x="a\\"\} 1\\nforged_total 5\\\\"\} 1$/m)
})

test('promtool finds nothing to say about the text', async () => {
  const merge = createMetricsMerge()
  const worker = createWorkerMetrics()
  countUp(worker, 1)
  countTenant(worker, 'acme', 1)
  worker.port.gauge('aegis_connections', 'Open connections.', []).labels().set(1)
  worker.port.histogram('h_seconds', 'H.', ['route'], [0.1]).labels('r').observe(1)
  merge.own.gauge('aegis_config_version', 'Version of the live config.', []).labels().set(1)
  const input = await textOf(merge, { 0: worker })
  const checked = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  assert.equal(checked.error, undefined)
  assert.equal(checked.stdout + checked.stderr, '')
  assert.equal(checked.status, 0)
})
