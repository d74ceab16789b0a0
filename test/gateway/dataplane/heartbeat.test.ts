import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../../gateway/contract/ports.ts'
import { startHeartbeat } from '../../../gateway/dataplane/heartbeat.ts'
import { createTestClock } from '../../support/clock.ts'

test('counts every beat and says how late it came; stops when told', () => {
  const inner = createTestClock()
  let lateMs = 0
  const late: Clock = {
    ...inner,
    // As of a loop that was busy when the timer was due.
    after: (delayMs, callback) =>
      inner.after(delayMs, () => {
        const due = inner.monotonicMs()
        late.monotonicMs = () => due + lateMs
        callback()
        late.monotonicMs = inner.monotonicMs
      }),
  } as Clock & { monotonicMs: () => number }
  const beats = new SharedArrayBuffer(4)
  const lags: number[] = []
  const stop = startHeartbeat({ clock: late, beats, everyMs: 100, onBeat: (lagMs) => void lags.push(lagMs) })
  inner.advance(200)
  lateMs = 750
  inner.advance(100)
  assert.deepEqual(lags, [0, 0, 750])
  assert.equal(new Int32Array(beats)[0], 3)
  stop()
  inner.advance(10_000)
  assert.equal(new Int32Array(beats)[0], 3)
})
