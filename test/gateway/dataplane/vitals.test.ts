import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { countHandles } from '../../../gateway/contract/handles.ts'
import { createWorkerMetrics } from '../../../gateway/dataplane/metrics.ts'
import { createVitals } from '../../../gateway/dataplane/vitals.ts'

const signs = { connections: 3, inFlight: 2, version: 7, redis: null }

test('handles are counted by what they are, and timers are gone when they are cleared', async () => {
  const before = countHandles()
  const timers = [1, 2, 3].map(() => setInterval(() => {}, 60_000))
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const during = countHandles()
  assert.equal(during.timer - before.timer, 3)
  assert.equal(during.other - before.other, 1)
  for (const timer of timers) clearInterval(timer)
  server.close()
  await once(server, 'close')
  assert.equal(countHandles().timer, before.timer)
})

test('a worker says what it holds, in its status and in its metrics', async (t) => {
  const metrics = createWorkerMetrics()
  const vitals = createVitals(1, metrics.port, () => signs)
  t.after(() => vitals.stop())
  const before = vitals.status()
  const held = Buffer.alloc(32_000_000, 1)
  const after = vitals.status()
  assert.equal(after.index, 1)
  assert.equal(after.version, 7)
  assert.ok(after.externalBytes - before.externalBytes >= held.length)
  assert.ok(after.heapUsedBytes - before.heapUsedBytes < held.length, 'buffers are no heap')
  vitals.publish()
  const { families } = await metrics.dump()
  const gauge = (name: string) => {
    const family = families.find((one) => one.name === name)
    return family !== undefined && family.kind !== 'histogram' ? family.series[0]?.value : undefined
  }
  assert.equal(gauge('aegis_connections'), 3)
  assert.ok((gauge('aegis_worker_external_memory_bytes') ?? 0) >= held.length)
})
