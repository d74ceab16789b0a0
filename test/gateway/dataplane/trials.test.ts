import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PluginDefinition } from '../../../gateway/contract/plugin.ts'
import { createInstanceStore } from '../../../gateway/dataplane/instances.ts'
import { createTrials } from '../../../gateway/dataplane/trials.ts'
import { createTestClock } from '../../support/clock.ts'
import { createTestPorts } from '../../support/ports.ts'

const entry = (value: number) => ({
  id: 'p',
  plugin: 'p',
  enabled: false,
  scope: { routes: [], tenants: [], plans: [] },
  config: { value },
})

function make() {
  const events: string[] = []
  const definition = {
    name: 'p',
    schema: {},
    onFailure: 'deny',
    create: (config: { value: number }) => ({
      start: async () => void events.push(`start ${config.value}`),
      onControl: (operation: string) => `${operation} ${config.value}`,
      close: () => void events.push(`close ${config.value}`),
    }),
  } as unknown as PluginDefinition
  const clock = createTestClock()
  const store = createInstanceStore(async () => definition, createTestPorts())
  const trials = createTrials(store, clock)
  const ask = (key: string | null, value: number | null) =>
    trials.ask(
      {
        topic: 'trial',
        plugin: 'p',
        operation: 'ask',
        args: {},
        trial: key === null ? null : { key, entry: value === null ? null : entry(value) },
      },
      [],
    )
  return { events, clock, ask }
}

describe('trial instances', () => {
  it('are made once for a key, and replaced by the next', async () => {
    const { events, ask } = make()
    assert.deepEqual(await ask('a', null), { known: false })
    assert.deepEqual(await ask('a', 1), { known: true, value: 'ask 1' })
    assert.deepEqual(await ask('a', null), { known: true, value: 'ask 1' })
    assert.deepEqual(await ask('b', 2), { known: true, value: 'ask 2' })
    assert.deepEqual(await ask('a', null), { known: false })
    assert.deepEqual(events, ['start 1', 'close 1', 'start 2'])
  })

  it('go when nobody has asked for a while', async () => {
    const { events, clock, ask } = make()
    await ask('a', 1)
    clock.advance(59_000)
    await ask('a', null)
    clock.advance(59_000)
    assert.deepEqual(events, ['start 1'])
    clock.advance(2_000)
    assert.deepEqual(events, ['start 1', 'close 1'])
  })

  it('are not needed for the live one, which may not be there', async () => {
    const { ask } = make()
    assert.deepEqual(await ask(null, null), { known: false })
  })
})
