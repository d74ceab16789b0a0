import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSupervisor, WorkerGone, type WorkerHandle } from '../../../gateway/control/supervisor.ts'
import { waitUntil } from '../../support/gateway.ts'
import { createTestPorts } from '../../support/ports.ts'

/** Answers every question with its index, dies when told to abort, blocks when told to prepare, eats memory when told to commit, ends when told to drain. */
const entry = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads'
    parentPort.on('message', (message) => {
      if (message.kind === 'ask') parentPort.postMessage({ kind: 'answer', id: message.id, value: workerData.index, error: null })
      if (message.kind === 'abort') setTimeout(() => { throw new Error('told to die') })
      if (message.kind === 'prepare') for (;;);
      if (message.kind === 'commit') for (const eaten = [];;) eaten.push(new Array(10_000).fill(eaten.length + 0.5))
      if (message.kind === 'drain') parentPort.postMessage({ kind: 'drained' })
    })
    const beats = new Int32Array(workerData.beats)
    setInterval(() => Atomics.add(beats, 0, 1), 20)
    parentPort.postMessage({ kind: 'ready' })
  `)}`,
)

function createPair({ blockedMs = 0, heapMb = 0 } = {}) {
  const ups: WorkerHandle[] = []
  const downs: string[] = []
  const causes: string[] = []
  const supervisor = createSupervisor({
    count: 2,
    entry,
    heapMb,
    blockedMs,
    boot: (index) => ({
      index,
      counters: new SharedArrayBuffer(8),
      places: new SharedArrayBuffer(8),
      logLevel: 'info',
      viaName: '',
      redis: null,
    }),
    log: createTestPorts().log,
    events: {
      onLog: () => {},
      onReport: () => {},
      onUp: async (worker) => void ups.push(worker),
      onDown: (_, reason, cause) => {
        downs.push(reason)
        causes.push(cause)
      },
    },
  })
  return { supervisor, ups, downs, causes }
}

test('who asks a worker that has died is told so at once, and the others answer', async (t) => {
  const { supervisor, downs } = createPair()
  t.after(() => supervisor.drain(1_000))
  await supervisor.start()
  const [first] = supervisor.workers() as [WorkerHandle]
  first.tell({ kind: 'abort', version: 1 })
  await waitUntil(() => downs.length === 1)
  assert.match(downs[0] as string, /told to die/)
  await assert.rejects(
    first.hear(['committed'], () => true, 60_000),
    WorkerGone,
  )
  const answers = await supervisor.ask({ topic: 'status' }, 60_000)
  assert.equal(answers.get(1), 1)
})

test('a worker that dies is replaced by one of the same index and another incarnation', async (t) => {
  const { supervisor, ups } = createPair()
  t.after(() => supervisor.drain(1_000))
  await supervisor.start()
  const [, second] = supervisor.workers() as [WorkerHandle, WorkerHandle]
  second.tell({ kind: 'abort', version: 1 })
  await waitUntil(() => ups.length === 3 && supervisor.workers().length === 2)
  const replacement = ups[2] as WorkerHandle
  assert.deepEqual([replacement.index, replacement.incarnation], [1, 2])
  const answers = await supervisor.ask({ topic: 'status' }, 60_000)
  assert.deepEqual(
    [...answers].sort(([a], [b]) => a - b),
    [
      [0, 0],
      [1, 1],
    ],
  )
})

test('a worker whose event loop stands still is ended and replaced; the other one is left alone', async (t) => {
  const { supervisor, ups, causes } = createPair({ blockedMs: 1_000 })
  t.after(() => supervisor.drain(1_000))
  await supervisor.start()
  const [first] = supervisor.workers() as [WorkerHandle]
  first.tell({ kind: 'prepare', version: 1, snapshot: {} as never })
  await waitUntil(() => ups.length === 3 && supervisor.workers().length === 2)
  assert.deepEqual(causes, ['blocked'])
  assert.deepEqual([ups[2]?.index, ups[2]?.incarnation], [0, 2])
  assert.equal((await supervisor.ask({ topic: 'status' }, 60_000)).size, 2)
})

test('a worker that needs more heap than it may is replaced; the other one and the process live', async (t) => {
  const { supervisor, ups, downs } = createPair({ heapMb: 48 })
  t.after(() => supervisor.drain(1_000))
  await supervisor.start()
  const [first] = supervisor.workers() as [WorkerHandle]
  first.tell({ kind: 'commit', version: 1 })
  await waitUntil(() => ups.length === 3 && supervisor.workers().length === 2, 60_000)
  assert.match(downs.join(), /memory limit/)
  assert.equal((await supervisor.ask({ topic: 'status' }, 60_000)).size, 2)
})
