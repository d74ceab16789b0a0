// A config reaches all workers or none: what the publisher says to them, by what they answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FromWorker, ToWorker } from '../../../gateway/contract/protocol.ts'
import type { Snapshot } from '../../../gateway/contract/snapshot.ts'
import { createPublisher } from '../../../gateway/control/publisher.ts'
import { WorkerGone, type WorkerHandle } from '../../../gateway/control/supervisor.ts'

type Answer = 'takes it' | 'refuses it' | 'dies' | 'is silent'

/** A worker as the publisher sees it; `told` is what it was told. */
function createWorker(index: number, answer: Answer) {
  const told: string[] = []
  const hear = async (kinds: readonly FromWorker['kind'][]): Promise<FromWorker> => {
    const last = await Promise.resolve().then(() => told.length)
    if (kinds.includes('committed')) return { kind: 'committed', version: last }
    if (answer === 'dies') throw new WorkerGone('it died')
    if (answer === 'is silent') throw new Error('no answer in time')
    if (answer === 'refuses it') return { kind: 'refused', version: 2, reason: `worker ${index} cannot` }
    return { kind: 'prepared', version: 2 }
  }
  const tell = (message: ToWorker) => void told.push(message.kind)
  const worker = { index, incarnation: 1, tell, hear } as unknown as WorkerHandle
  return { worker, told }
}

const snapshot = { version: 2 } as Snapshot

async function publishTo(answers: readonly Answer[], write: (() => Promise<void>) | null) {
  const publisher = createPublisher()
  const workers = answers.map((answer, index) => createWorker(index, answer))
  const result = await publisher
    .publish(
      snapshot,
      workers.map(({ worker }) => worker),
      write,
    )
    .catch((error: Error) => error.message)
  return { result, told: workers.map(({ told }) => told.join()), live: publisher.live() }
}

function createDisk() {
  const disk = {
    writes: 0,
    async write() {
      disk.writes += 1
    },
  }
  return disk
}

test('a config that every worker takes is written, then used by all', async () => {
  const disk = createDisk()
  const { result, told, live } = await publishTo(['takes it', 'takes it'], disk.write)
  assert.equal(result, null)
  assert.deepEqual(told, ['prepare,commit', 'prepare,commit'])
  assert.equal(disk.writes, 1)
  assert.equal(live, snapshot)
})

for (const [answer, reason] of [
  ['refuses it', 'worker 1 cannot'],
  ['is silent', 'no answer in time'],
] as const) {
  test(`a config is used by nobody, and not written, when one worker ${answer}`, async () => {
    const disk = createDisk()
    const { result, told, live } = await publishTo(['takes it', answer, 'takes it'], disk.write)
    assert.deepEqual(result, [reason])
    assert.deepEqual(told, ['prepare,abort', 'prepare,abort', 'prepare,abort'])
    assert.equal(disk.writes, 0)
    assert.equal(live, null)
  })
}

test('a config that cannot be written is used by nobody', async () => {
  const { result, told, live } = await publishTo(['takes it', 'takes it'], async () => {
    throw new Error('the disk is full')
  })
  assert.equal(result, 'the disk is full')
  assert.deepEqual(told, ['prepare,abort', 'prepare,abort'])
  assert.equal(live, null)
})

test('a rehearsal changes nothing', async () => {
  const { result, told, live } = await publishTo(['takes it', 'takes it'], null)
  assert.equal(result, null)
  assert.deepEqual(told, ['prepare,abort', 'prepare,abort'])
  assert.equal(live, null)
})

test('a worker that dies over a config is no verdict on it', async () => {
  const disk = createDisk()
  const { result, live } = await publishTo(['dies', 'takes it'], disk.write)
  assert.equal(result, null)
  assert.equal(disk.writes, 1)
  assert.equal(live, snapshot)
})

test('a fresh worker gets the live config, or does not come up', async () => {
  const publisher = createPublisher()
  await assert.rejects(publisher.bringUp(createWorker(0, 'takes it').worker), /no config is live yet/)
  await publisher.publish(snapshot, [createWorker(0, 'takes it').worker], async () => {})
  const fresh = createWorker(1, 'takes it')
  await publisher.bringUp(fresh.worker)
  assert.deepEqual(fresh.told, ['prepare', 'commit'])
  const faulty = createWorker(2, 'refuses it')
  await assert.rejects(publisher.bringUp(faulty.worker), /was refused: worker 2 cannot/)
  assert.deepEqual(faulty.told, ['prepare'])
})
