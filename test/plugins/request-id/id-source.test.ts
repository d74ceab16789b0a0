import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIdSource } from '../../../plugins/request-id/id-source.ts'

test('skips an id of zeros only', () => {
  let fills = 0
  const ids = createIdSource((bytes) => {
    fills += 1
    bytes.fill(0)
    bytes[20] = 7
  })
  assert.equal(ids.spanId(), '0000000007000000')
  assert.equal(fills, 1)
})

test('refills its pool and never gives out a piece twice', () => {
  let fills = 0
  const ids = createIdSource((bytes) => {
    fills += 1
    bytes.forEach((_, i) => {
      bytes[i] = (i >> 3) + fills
      if (i % 8 === 1) bytes[i] = i >> 8
    })
  })
  const seen = new Set(Array.from({ length: 700 }, () => ids.spanId()))
  assert.ok(fills === 2)
  assert.ok(seen.size > 512)
})
