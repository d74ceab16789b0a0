import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashKey, lane } from '../../../gateway/shared-state/keyed-hash.ts'

// Published vectors of HalfSipHash-2-4-64: key 00..07, message 00 01 02 ... of the given length.
const vectors: [length: number, digest: string][] = [
  [0, '218d1f59b9b83cc8'],
  [2, '064f39ef7c50eb57'],
  [4, 'd5e78a175be52ea1'],
  [6, 'ce3e91358aa2bc25'],
  [8, 'edfee820bce4858c'],
  [10, '95b0469f06a6f2ee'],
]

test('a lane gives the published digests of HalfSipHash-2-4', () => {
  for (const [length, digest] of vectors) {
    const message = Buffer.from(Array.from({ length }, (_, i) => i)).toString('utf16le')
    const out = new Int32Array(2)
    lane(message, 0x03020100, 0x07060504, out, 0)
    assert.equal(Buffer.from(out.buffer).toString('hex'), digest, `length ${length}`)
  }
})

test('another seed gives another hash, and the two lanes differ', () => {
  const hash = (text: string, seed: number[]) => {
    const out = new Int32Array(4)
    hashKey(text, Int32Array.from(seed), out)
    return [...out]
  }
  const one = hash('per-user|tenant=a|user=1', [1, 2, 3, 4])
  assert.notDeepEqual(one, hash('per-user|tenant=a|user=1', [1, 2, 3, 5]))
  assert.notDeepEqual(one, hash('per-user|tenant=b|user=1', [1, 2, 3, 4]))
  assert.notDeepEqual(one.slice(0, 2), one.slice(2))
})

test('strings that differ only by trailing zero characters have different hashes', () => {
  const seen = new Set<string>()
  for (let length = 0; length < 200; length++) {
    const out = new Int32Array(4)
    hashKey('\u0000'.repeat(length), Int32Array.of(9, 8, 7, 6), out)
    seen.add(out.join())
  }
  assert.equal(seen.size, 200)
})
