import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Plugin, PluginDefinition } from '../../../gateway/contract/plugin.ts'
import type { PluginEntry } from '../../../gateway/contract/snapshot.ts'
import { createInstanceStore, type InstanceStore } from '../../../gateway/dataplane/instances.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createEntry } from './snapshot.ts'

interface Bench {
  readonly store: InstanceStore
  /** `id:slot` of what was created and closed. */
  readonly created: string[]
  readonly closed: string[]
  readonly logged: string[]
}

function createBench(make: (id: string) => Plugin = () => ({})): Bench {
  const created: string[] = []
  const closed: string[] = []
  const ports = createTestPorts()
  const definition: PluginDefinition = {
    name: 'p',
    schema: {} as never,
    onFailure: 'deny',
    create(_config, { id, slot }) {
      const plugin = make(id)
      created.push(`${id}:${slot}`)
      return {
        ...plugin,
        close() {
          closed.push(`${id}:${slot}`)
          return plugin.close?.()
        },
      }
    },
  }
  const store = createInstanceStore(async () => definition, ports)
  return {
    store,
    created,
    closed,
    get logged() {
      return ports.logged.map((line) => line.message)
    },
  }
}

const entry = (id: string, over: Partial<PluginEntry> = {}): PluginEntry => ({ ...createEntry(id), ...over })

describe('plugin instances over configs', () => {
  test('an unchanged entry keeps its instance, a changed one gets a new one', async () => {
    const { store, created, closed } = createBench()
    const first = await store.acquire([entry('a'), entry('b')])
    const second = await store.acquire([entry('a'), entry('b', { config: { x: 1 } })])
    assert.equal(second.instances[0]?.plugin, first.instances[0]?.plugin)
    assert.notEqual(second.instances[1]?.plugin, first.instances[1]?.plugin)
    assert.deepEqual(created, ['a:0', 'b:1', 'b:2'])
    first.release()
    assert.deepEqual(closed, ['b:1'])
    second.release()
    assert.deepEqual(closed, ['b:1', 'a:0', 'b:2'])
  })

  test('a changed scope keeps the instance and shows the new scope', async () => {
    const { store, created } = createBench()
    await store.acquire([entry('a')])
    const scope = { routes: ['r'], tenants: [], plans: [] }
    const second = await store.acquire([entry('a', { scope })])
    assert.deepEqual(second.instances[0]?.entry.scope, scope)
    assert.deepEqual(created, ['a:0'])
  })

  test('disabled entries make nothing', async () => {
    const { store, created } = createBench()
    const lease = await store.acquire([entry('a', { enabled: false })])
    assert.deepEqual(lease.instances, [])
    assert.deepEqual(created, [])
  })

  test('slots are used again, so that they do not grow with every config', async () => {
    const { store } = createBench()
    for (let i = 0; i < 100; i++) (await store.acquire([entry('a', { config: { i } })])).release()
    assert.equal(store.slotCount(), 1)
  })

  test('letting go twice is letting go once', async () => {
    const { store, closed } = createBench()
    const first = await store.acquire([entry('a')])
    const second = await store.acquire([entry('a')])
    first.release()
    first.release()
    assert.deepEqual(closed, [])
    second.release()
    assert.deepEqual(closed, ['a:0'])
  })

  const failures: [string, (id: string) => Plugin][] = [
    ['start rejects', (id) => (id === 'bad' ? { start: () => Promise.reject(new Error('no')) } : {})],
    [
      'start throws',
      (id) =>
        id === 'bad'
          ? {
              start: () => {
                throw new Error('no')
              },
            }
          : {},
    ],
    [
      'create throws',
      (id) => {
        if (id === 'bad') throw new Error('no')
        return {}
      },
    ],
  ]
  for (const [title, make] of failures) {
    test(`nothing is kept when ${title}, and a second try starts anew`, async () => {
      const bench = createBench(make)
      await assert.rejects(bench.store.acquire([entry('good'), entry('bad')]), /no/)
      assert.deepEqual(bench.closed.toSorted(), bench.created.toSorted())
      const slots = bench.store.slotCount()
      await assert.rejects(bench.store.acquire([entry('good'), entry('bad')]), /no/)
      assert.deepEqual(bench.closed.toSorted(), bench.created.toSorted())
      assert.equal(bench.store.slotCount(), slots)
    })
  }

  test('what was already live stays live when a new config is refused', async () => {
    const bench = createBench(failures[0]?.[1])
    const live = await bench.store.acquire([entry('good')])
    await assert.rejects(bench.store.acquire([entry('good'), entry('bad')]))
    assert.ok(!bench.closed.includes('good:0'))
    live.release()
    assert.ok(bench.closed.includes('good:0'))
  })

  test('two configs that come at once share one instance and both wait for its start', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const { store, created } = createBench(() => ({ start: () => gate }))
    const both = Promise.all([store.acquire([entry('a')]), store.acquire([entry('a')])])
    let done = false
    void both.then(() => {
      done = true
    })
    await new Promise(setImmediate)
    assert.equal(done, false)
    open()
    const [one, two] = await both
    assert.equal(one.instances[0]?.plugin, two.instances[0]?.plugin)
    assert.deepEqual(created, ['a:0'])
  })

  const badClose: [string, () => void | Promise<void>][] = [
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ]
  for (const [title, close] of badClose) {
    test(`a close that ${title} is logged and holds up nothing`, async () => {
      const bench = createBench(() => ({ close }))
      const lease = await bench.store.acquire([entry('a'), entry('b')])
      lease.release()
      await new Promise(setImmediate)
      assert.deepEqual(bench.closed, ['a:0', 'b:1'])
      assert.deepEqual(bench.logged, ['a plugin failed to close', 'a plugin failed to close'])
    })
  }
})
