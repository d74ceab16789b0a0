import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toLimitItem, toSeconds } from '../../../plugins/rate-limit/fields.ts'

test('a wait is no longer than an integer of structured fields can say', () => {
  const state = { allowed: true, remaining: 0, resetMs: 1e9 * 366 * 86_400_000, retryAfterMs: 0, delayMs: 0 }
  assert.equal(toLimitItem('slow', state), '"slow";r=0;t=999999999999999')
  assert.equal(toSeconds(1_001), 2)
})
