import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  createConnectionPlaces,
  createPlacesBuffer,
  freePlaces,
} from '../../../gateway/shared-state/connection-places.ts'

test('places are counted over all workers, and come free where they are left', () => {
  const buffer = createPlacesBuffer({ workers: 3, connections: 4, connectionsPerIp: 0 })
  const [a, b, c] = [0, 1, 2].map((worker) => createConnectionPlaces(buffer, worker))
  assert.deepEqual(
    [a, b, c, a].map((one) => one?.take('x')),
    ['taken', 'taken', 'taken', 'taken'],
  )
  for (const one of [a, b, c]) assert.equal(one?.take('y'), 'full')
  b?.leave('x')
  assert.deepEqual(
    [c, a].map((one) => one?.take('y')),
    ['taken', 'full'],
  )
})

test('addresses are counted apart, over all workers', () => {
  const buffer = createPlacesBuffer({ workers: 2, connections: 100, connectionsPerIp: 3 })
  const [a, b] = [0, 1].map((worker) => createConnectionPlaces(buffer, worker))
  assert.deepEqual(
    [a, b, a].map((one) => one?.take('10.0.0.1')),
    ['taken', 'taken', 'taken'],
  )
  assert.deepEqual(
    [a, b].map((one) => one?.take('10.0.0.1')),
    ['full-for-address', 'full-for-address'],
  )
  assert.deepEqual(
    [a, b].map((one) => one?.take('10.0.0.2')),
    ['taken', 'taken'],
  )
  b?.leave('10.0.0.1')
  assert.deepEqual(
    [a, b].map((one) => one?.take('10.0.0.1')),
    ['taken', 'full-for-address'],
  )
})

test('a refused connection takes no place, of neither kind', () => {
  const buffer = createPlacesBuffer({ workers: 1, connections: 3, connectionsPerIp: 1 })
  const places = createConnectionPlaces(buffer, 0)
  assert.equal(places.take('a'), 'taken')
  for (let i = 0; i < 10; i++) assert.equal(places.take('a'), 'full-for-address')
  assert.deepEqual(
    ['b', 'c', 'd'].map((ip) => places.take(ip)),
    ['taken', 'taken', 'full'],
  )
  places.leave('b')
  assert.equal(places.take('d'), 'taken')
})

test('what a dead worker held is free again, and nothing else', () => {
  const buffer = createPlacesBuffer({ workers: 2, connections: 4, connectionsPerIp: 2 })
  const [a, b] = [0, 1].map((worker) => createConnectionPlaces(buffer, worker))
  for (const one of [a, b]) for (const ip of ['x', 'y']) assert.equal(one?.take(ip), 'taken')
  freePlaces(buffer, 1)
  const next = createConnectionPlaces(buffer, 1)
  assert.deepEqual(
    ['x', 'y', 'z'].map((ip) => next.take(ip)),
    ['taken', 'taken', 'full'],
  )
  a?.leave('x')
  assert.equal(a?.take('y'), 'full-for-address')
})

test('many addresses come and go without one being lost', () => {
  const buffer = createPlacesBuffer({ workers: 1, connections: 2_000, connectionsPerIp: 2 })
  const places = createConnectionPlaces(buffer, 0)
  for (let round = 0; round < 20; round++) {
    const ips = Array.from({ length: 1_000 }, (_, i) => `10.${round}.${i >> 8}.${i & 255}`)
    for (const ip of ips) assert.deepEqual([places.take(ip), places.take(ip)], ['taken', 'taken'])
    assert.equal(places.take('another'), 'full')
    for (const ip of ips) for (let i = 0; i < 2; i++) places.leave(ip)
  }
  for (let i = 0; i < 2; i++) assert.equal(places.take('another'), 'taken')
  assert.equal(places.take('another'), 'full-for-address')
})

test('threads that take places at the same time never take one too many, nor refuse one too many', async () => {
  const buffer = createPlacesBuffer({ workers: 4, connections: 1_000, connectionsPerIp: 1 })
  /** Of the one place of an address: who has it, how often two had it; and who is there. */
  const held = new SharedArrayBuffer(12)
  const source = `
    const { workerData, parentPort } = require('node:worker_threads')
    import(workerData.module).then(({ createConnectionPlaces }) => {
      const places = createConnectionPlaces(workerData.buffer, workerData.worker)
      const [held, twice, there] = [0, 1, 2]
      const counts = new Int32Array(workerData.held)
      Atomics.add(counts, there, 1)
      while (Atomics.load(counts, there) < 4);
      for (let i = 0; i < 50_000; i++) {
        if (places.take('x') !== 'taken') continue
        if (Atomics.add(counts, held, 1) > 0) Atomics.add(counts, twice, 1)
        // Long enough for another to have it as well.
        for (let spin = 0; spin < 100; spin++) Atomics.load(counts, held)
        Atomics.sub(counts, held, 1)
        places.leave('x')
      }
      let taken = 0
      for (let i = 0; i < 600; i++) if (places.take(workerData.worker + '.' + i) === 'taken') taken += 1
      parentPort.postMessage(taken)
    })`
  const module = new URL('../../../gateway/shared-state/connection-places.ts', import.meta.url).href
  const taken = await Promise.all(
    [0, 1, 2, 3].map(
      (worker) =>
        new Promise<number>((resolve, reject) => {
          new Worker(source, { eval: true, workerData: { module, buffer, held, worker } })
            .once('message', resolve)
            .once('error', reject)
        }),
    ),
  )
  assert.deepEqual([...new Int32Array(held)], [0, 0, 4])
  assert.equal(
    taken.reduce((sum, one) => sum + one, 0),
    1_000,
  )
})
