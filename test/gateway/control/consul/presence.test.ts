import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConsulClient } from '../../../../gateway/control/consul/client.ts'
import { createTestClock } from '../../../support/clock.ts'
import { say, startLyingConsul, toInstances } from '../../../support/lying-consul.ts'

const query = { tags: [], datacenter: null, passingOnly: true, stale: true }

test('one service that fails does not make Consul look away; all of them do, and silence does at once', async (t) => {
  const good = new Set(['a'])
  const consul = await startLyingConsul((req, res) => {
    const service = /service\/(\w+)/.exec(req.url ?? '')?.[1] ?? ''
    if (good.has(service)) say(res, 3, toInstances(81))
    else res.writeHead(500).end('No path to datacenter')
  })
  t.after(() => consul.close())
  const clock = createTestClock()
  const client = createConsulClient({ url: consul.url, token: '', clock })
  const seen: (boolean | null)[] = []
  client.onState(({ up }) => seen.push(up))
  const ask = async (service: string) => {
    const { signal } = new AbortController()
    await client.instances({ ...query, service }, { index: 0, signal }).catch(() => {})
    return client.state().up
  }
  assert.equal(client.state().up, null)
  for (let i = 0; i < 3; i++) {
    assert.equal(await ask('a'), true)
    clock.advance(3_000)
    assert.equal(await ask('b'), true)
  }
  good.clear()
  clock.advance(1_000)
  assert.equal(await ask('b'), false)
  assert.match(client.state().error ?? '', /500/)
  good.add('a')
  assert.equal(await ask('a'), true)
  assert.equal(client.state().error, null)
  await consul.close()
  assert.equal(await ask('a'), false)
  assert.deepEqual(seen, [true, false, true, false])
})
