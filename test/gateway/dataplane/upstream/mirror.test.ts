import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyCopy } from '../../../../gateway/dataplane/upstream/body-copy.ts'
import { createMirror } from '../../../../gateway/dataplane/upstream/mirror.ts'
import type { UpstreamHandle } from '../../../../gateway/dataplane/upstream/upstream-handle.ts'
import { createExchange } from '../snapshot.ts'

test('only so many of a hundred requests are copied', () => {
  let at = 0
  let tried = 0
  const mirror = createMirror({
    config: { upstream: 'shadow', percent: 30, bodyBytes: 0 },
    upstream: { name: 'shadow' } as UpstreamHandle,
    random: () => (at++ % 100) / 100,
    // Every copy has a body that is too large.
    count: (upstream, result) => {
      assert.deepEqual([upstream, result], ['shadow', 'dropped'])
      tried += 1
    },
  })
  for (let i = 0; i < 100; i++) mirror.copy(createExchange(), Buffer.from('x'))
  assert.equal(tried, 30)
})

test('a body is kept up to the limit, byte for byte, and told once', () => {
  const heard: (string | null)[] = []
  const hear = (whole: Buffer | null) => void heard.push(whole === null ? null : whole.toString())
  const fits = new BodyCopy(6, hear)
  const source = Buffer.from('abc')
  fits.add(source)
  // The bytes belong to somebody else, who may use the memory again.
  source.fill(0)
  fits.add(Buffer.from('def'))
  fits.end()
  fits.drop()
  assert.deepEqual(heard, ['abcdef'])
  const large = new BodyCopy(5, hear)
  for (const part of ['abc', 'def', 'ghi']) large.add(Buffer.from(part))
  large.end()
  const broken = new BodyCopy(5, hear)
  broken.add(Buffer.from('abc'))
  broken.drop()
  broken.end()
  assert.deepEqual(heard, ['abcdef', null, null])
})
