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
  const buffer = createPlacesBuffer({ workers: 4, connections: 1_000, connectionsPerIp: 500 })
  const source = `
    const { workerData, parentPort } = require('node:worker_threads')
    import(workerData.module).then(({ createConnectionPlaces }) => {
      const places = createConnectionPlaces(workerData.buffer, workerData.worker)
      // Churn first, then all that can be had.
      for (let i = 0; i < 20_000; i++) if (places.take('x') === 'taken') places.leave('x')
      const taken = ['x', 'y', 'z'].map((ip) => {
        let count = 0
        for (let i = 0; i < 600; i++) if (places.take(ip) === 'taken') count += 1
        return count
      })
      parentPort.postMessage(taken)
    })`
  const module = new URL('../../../gateway/shared-state/connection-places.ts', import.meta.url).href
  const counts = await Promise.all(
    [0, 1, 2, 3].map(
      (worker) =>
        new Promise<number[]>((resolve, reject) => {
          new Worker(source, { eval: true, workerData: { module, buffer, worker } })
            .once('message', resolve)
            .once('error', reject)
        }),
    ),
  )
  const sumOf = (index: number): number => counts.reduce((sum, one) => sum + (one[index] as number), 0)
  const sums = [0, 1, 2].map(sumOf)
  assert.equal((sums[0] as number) + (sums[1] as number) + (sums[2] as number), 1_000)
  for (const sum of sums) assert.ok(sum <= 500)
})
