import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Deadlines, type Limited } from '../../../../gateway/dataplane/http1/deadlines.ts'

describe('deadlines', () => {
  let deadlines: Deadlines
  let met: string[]
  const create = (name: string, deadlineMs: number): Limited => ({
    deadlineMs,
    onDeadline: () => void met.push(name),
  })
  beforeEach(() => {
    deadlines = new Deadlines()
    met = []
  })

  it('are never early and late by two ticks at the most', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const first = create('first', deadlines.after(1_000))
    deadlines.watch(first)
    t.mock.timers.tick(50)
    // Set between two ticks.
    const second = create('second', deadlines.after(1_000))
    deadlines.watch(second)
    t.mock.timers.tick(949)
    assert.deepEqual(met, [])
    t.mock.timers.tick(201)
    assert.deepEqual(met, ['first', 'second'])
  })

  it('are met once, and again when they are set again', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const one = create('one', deadlines.after(100))
    deadlines.watch(one)
    t.mock.timers.tick(5_000)
    assert.deepEqual(met, ['one'])
    one.deadlineMs = deadlines.after(100)
    t.mock.timers.tick(300)
    assert.deepEqual(met, ['one', 'one'])
  })

  it('are no limit where they are 0, and of no interest once unwatched', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    deadlines.watch(create('none', 0))
    const gone = create('gone', deadlines.after(100))
    deadlines.watch(gone)
    deadlines.unwatch(gone)
    t.mock.timers.tick(5_000)
    assert.deepEqual(met, [])
  })

  it('may unwatch one another while they are met', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const second = create('second', deadlines.after(100))
    const first: Limited = { deadlineMs: deadlines.after(100), onDeadline: () => deadlines.unwatch(second) }
    deadlines.watch(first)
    deadlines.watch(second)
    t.mock.timers.tick(1_000)
    assert.deepEqual(met, [])
  })

  it('count anew from a time when nothing was watched', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const old = create('old', deadlines.after(100))
    deadlines.watch(old)
    deadlines.unwatch(old)
    t.mock.timers.tick(60_000)
    const fresh = create('fresh', deadlines.after(1_000))
    deadlines.watch(fresh)
    t.mock.timers.tick(900)
    assert.deepEqual(met, [])
    t.mock.timers.tick(300)
    assert.deepEqual(met, ['fresh'])
  })

  // A worker that compiled a large config for two seconds, and then cut off whoever had just connected.
  it('blame nobody for the time in which the event loop was held up', async () => {
    const keep = create('keep', 0)
    deadlines.watch(keep)
    const block = new Int32Array(new SharedArrayBuffer(4))
    Atomics.wait(block, 0, 0, 600)
    const late = create('late', deadlines.after(300))
    deadlines.watch(late)
    await new Promise((resolve) => setTimeout(resolve, 150))
    assert.deepEqual(met, [])
    deadlines.unwatch(keep)
    deadlines.unwatch(late)
  })
})
