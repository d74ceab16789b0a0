// What the plugin does when its store cannot answer.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CounterStore, SharedCounters } from '../../../gateway/contract/ports.ts'
import { createView } from '../../support/view.ts'
import { open } from './setup.ts'

const perIp = { name: 'per-ip', algorithm: 'fixed-window', key: ['ip'], limit: 3, windowMs: 60_000 }

describe('a store that fails', () => {
  const broken: CounterStore = {
    take: () => {
      throw new Error('no store')
    },
    peek: () => Promise.reject(new Error('no store')),
    reset: () => {},
  }
  const rejecting: CounterStore = { ...broken, take: () => Promise.reject(new Error('no store')) }
  const shared = (store: CounterStore): SharedCounters => ({ ...store, synced: () => store })

  for (const [how, store] of [
    ['by a throw', broken],
    ['by a rejection', rejecting],
  ] as const) {
    test(`${how} is replaced by the counters of the process, and reported, but not for every request`, async () => {
      const { plugin, ports } = open(
        { store: 'redis', limits: [perIp, { ...perIp, name: 'tried', dryRun: true }] },
        { sharedCounters: shared(store) },
      )
      const statuses = []
      for (let i = 0; i < 5; i++) statuses.push((await plugin.onRequest?.(createView()))?.status)
      assert.deepEqual(statuses, [undefined, undefined, undefined, 429, 429])
      assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{per-ip,store_failed}'), 5)
      assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{per-ip,denied}'), 2)
      assert.equal(ports.logged.length, 1)
    })

    test(`${how} lets requests pass if the operator said so`, async () => {
      const { plugin } = open(
        { store: 'redis', limits: [perIp], onStoreFailure: 'allow' },
        { sharedCounters: shared(store) },
      )
      for (let i = 0; i < 5; i++) assert.equal(await plugin.onRequest?.(createView()), undefined)
    })

    test(`${how} closes the gate if the operator said so`, async () => {
      const { plugin } = open(
        { store: 'redis', limits: [perIp], onStoreFailure: 'deny' },
        { sharedCounters: shared(store) },
      )
      const reply = await plugin.onRequest?.(createView())
      assert.deepEqual([reply?.status, reply?.code], [503, 'AEGIS_RATE_LIMIT_UNAVAILABLE'])
      assert.deepEqual(reply?.headers, ['Retry-After', '1'])
    })
  }

  test('and is the local one, which can only be a mistake of ours, closes the gate', async () => {
    const { plugin } = open({ limits: [perIp] }, { counters: broken })
    assert.equal((await plugin.onRequest?.(createView()))?.status, 503)
  })

  test('does not close the gate for limits on trial', async () => {
    const { plugin, ports } = open(
      { store: 'redis', limits: [perIp], dryRun: true, onStoreFailure: 'deny' },
      { sharedCounters: shared(rejecting) },
    )
    assert.equal(plugin.onRequest?.(createView()), undefined)
    await Promise.resolve()
    assert.equal(ports.recorded.get('aegis_ratelimit_decisions_total{per-ip,store_failed}'), 1)
  })
})
