import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compileRuntime } from '../../../gateway/dataplane/runtime.ts'
import type { Clusters } from '../../../gateway/dataplane/upstream/clusters.ts'
import { createRoute, createView } from '../../support/view.ts'
import { createRuntimeParts, createSnapshot } from './snapshot.ts'

describe('runtime', () => {
  test('lets go of what it holds once it is retired and its last exchange is over', async () => {
    const { parts, released } = createRuntimeParts()
    const runtime = await compileRuntime(createSnapshot(), parts)
    runtime.begin()
    runtime.begin()
    runtime.end()
    runtime.retire()
    assert.deepEqual(released, [])
    runtime.end()
    assert.deepEqual(released, ['instances', 'clusters'])
  })

  test('lets go at once when nothing is under way, and only once', async () => {
    const { parts, released } = createRuntimeParts()
    const runtime = await compileRuntime(createSnapshot(), parts)
    runtime.retire()
    runtime.retire()
    assert.deepEqual(released, ['instances', 'clusters'])
  })

  test('keeps what it holds while it is live, however often it is idle', async () => {
    const { parts, released } = createRuntimeParts()
    const runtime = await compileRuntime(createSnapshot(), parts)
    for (let i = 0; i < 3; i++) {
      runtime.begin()
      runtime.end()
    }
    assert.deepEqual(released, [])
  })

  test('holds nothing when a part of it does not fit', async () => {
    const { parts, released } = createRuntimeParts()
    const snapshot = createSnapshot({ routes: [createRoute({ upstream: [{ name: 'missing', weight: 1 }] })] })
    await assert.rejects(compileRuntime(snapshot, parts), /missing/)
    assert.deepEqual(released.toSorted(), ['clusters', 'instances'])
  })

  test('holds no plugin when the upstreams cannot be had', async () => {
    const clusters = {
      acquire() {
        throw new Error('no pools')
      },
    } as unknown as Clusters
    const { parts, released } = createRuntimeParts({ clusters })
    await assert.rejects(compileRuntime(createSnapshot(), parts), /no pools/)
    assert.deepEqual(released, ['instances'])
  })

  test('splits traffic by weight', async () => {
    let at = 0
    const { parts } = createRuntimeParts({ random: () => (at++ % 100) / 100 })
    const upstream = [
      { name: 'v1', weight: 90 },
      { name: 'v2', weight: 10 },
    ]
    const runtime = await compileRuntime(createSnapshot({ routes: [createRoute({ upstream })] }), parts)
    const found = runtime.router.find({ method: 'GET', host: '', path: '/', header: () => undefined })
    assert.ok(found !== undefined && 'entry' in found)
    const counts: Record<string, number> = {}
    for (let i = 0; i < 100; i++) {
      const { name } = found.entry.compiled.pickUpstream(createView({ tenant: null }))
      counts[name] = (counts[name] ?? 0) + 1
    }
    assert.deepEqual(counts, { v1: 90, v2: 10 })
  })
})
