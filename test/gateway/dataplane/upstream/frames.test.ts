import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FrameTracker, toCloseFrame } from '../../../../gateway/dataplane/upstream/frames.ts'
import { createRandom } from '../../../support/random.ts'
import { closeAtEnd, frame } from '../../../support/tunnels.ts'

const mask = Buffer.from([1, 2, 3, 4])

describe('frames', () => {
  const sizes = [0, 1, 2, 125, 126, 127, 65_535, 65_536, 70_000]
  for (const [who, key] of [
    ['a service', undefined],
    ['a client', mask],
  ] as const) {
    for (const size of sizes) {
      test(`a frame of ${who} with ${size} bytes ends where it ends, however it is cut`, () => {
        const one = frame(2, Buffer.alloc(size, 0x81), key)
        for (const piece of [1, 3, 7, one.length]) {
          const tracker = new FrameTracker()
          for (let at = 0; at < one.length; at += piece) {
            assert.equal(tracker.between, at === 0)
            const bytes = one.subarray(at, at + piece)
            assert.equal(tracker.advance(bytes, 0), bytes.length)
          }
          assert.equal(tracker.between, true)
        }
      })
    }
  }

  test('stops at the end of each of many frames, in whatever pieces they come', () => {
    const random = createRandom(6455)
    const frames = Array.from({ length: 200 }, () =>
      frame(
        random.int(16),
        Buffer.alloc(random.int(300), 0xff),
        random.int(2) ? mask : undefined,
        random.int(2) === 1,
      ),
    )
    const all = Buffer.concat(frames)
    let end = 0
    const ends = frames.map((one) => {
      end += one.length
      return end
    })
    const seen: number[] = []
    const tracker = new FrameTracker()
    for (let at = 0; at < all.length; ) {
      const piece = all.subarray(at, at + 1 + random.int(40))
      for (let next = 0; next < piece.length; ) {
        next = tracker.advance(piece, next)
        if (tracker.between) seen.push(at + next)
      }
      at += piece.length
    }
    assert.deepEqual(seen, ends)
  })

  test('a length beyond what a number holds is never at its end', () => {
    const tracker = new FrameTracker()
    tracker.advance(Buffer.from([0x82, 0x7f, ...new Array(8).fill(0xff)]), 0)
    tracker.advance(Buffer.alloc(1 << 20), 0)
    assert.equal(tracker.between, false)
  })

  for (const masked of [false, true]) {
    test(`a Close frame ${masked ? 'to a service is masked' : 'to a client is not'}, and says code and reason`, () => {
      const bytes = toCloseFrame(1008, 'AEGIS_TOKEN_EXPIRED', masked)
      assert.equal(bytes[0], 0x88)
      assert.equal(((bytes[1] as number) & 0x80) !== 0, masked)
      assert.equal(closeAtEnd(bytes), '1008 AEGIS_TOKEN_EXPIRED')
    })
  }
})
