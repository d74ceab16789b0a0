// What a WebSocket keeps of the config that it began with, once others are live.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { findRoute } from '../../../gateway/dataplane/routing.ts'
import { compileRuntime, type RuntimeParts } from '../../../gateway/dataplane/runtime.ts'
import { createRoute, createTenant } from '../../support/view.ts'
import { createExchange, createQuietLongLived, createRuntimeParts, createSnapshot } from './snapshot.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const createConfig = (version: number) =>
  createSnapshot({
    version,
    tenants: Array.from({ length: 100 }, (_, i) => createTenant(`tenant-${i}`)),
    routes: Array.from({ length: 100 }, (_, i) => createRoute({ id: `r${i}`, paths: [`/${i}/*`] })),
  })

/** A WebSocket that is opened under a config of its own; of that, only a weak reference is left. */
async function open(
  parts: RuntimeParts,
  version: number,
): Promise<{ ex: Exchange; config: WeakRef<object> }> {
  const runtime = await compileRuntime(createConfig(version), parts)
  runtime.begin()
  const ex = createExchange({}, runtime)
  ex.path = '/7/x'
  assert.equal(findRoute(ex), undefined)
  parts.longLived.add(ex, { kind: 'websocket', bytes: () => 0, close() {} })
  return { ex, config: new WeakRef(runtime.snapshot) }
}

test('routes and tenants of old configs are freed while WebSockets of theirs are open', async () => {
  const { parts, released } = createRuntimeParts({ longLived: createQuietLongLived() })
  const opened: Awaited<ReturnType<typeof open>>[] = []
  for (let version = 1; version <= 5; version++) {
    opened.push(await open(parts, version))
    const live = await compileRuntime(createConfig(version + 100), parts)
    parts.longLived.adopt(live)
  }
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  assert.equal(opened.filter(({ config }) => config.deref() !== undefined).length, 0)
  assert.deepEqual(
    opened.map(({ ex }) => [ex.route.id, ex.runtime.snapshot.version]),
    opened.map(() => ['r7', 105]),
  )
  assert.deepEqual(released, [], 'their plugins and upstreams are still theirs')
})
