// The machinery of `npm run soak`, run until everything has happened once. What grows shows in the long run only.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parseMetrics } from '../support/exposition.ts'
import { changes } from './changes.ts'
import { namesIn, subjects } from './curves.ts'
import { readMetrics, takeSample } from './samples.ts'
import { createStage, problemsOf } from './soak.ts'
import { allKinds, startTraffic, type Traffic } from './traffic.ts'
import { troubles, workerDeath } from './troubles.ts'
import { startWorld, type World } from './world.ts'

describe('the soak', () => {
  let world: World
  let traffic: Traffic
  let countedBefore: ReadonlyMap<string, number>
  before(async () => {
    world = await startWorld()
    countedBefore = await countByRoute(world)
    traffic = startTraffic(world, { seed: 1, clients: 6, pauseMs: 20 })
  })
  after(async () => {
    await traffic.stop()
    await world.stop()
  })

  test('loses nothing in any change, nor in any trouble that it does not excuse', async () => {
    const stage = createStage(world, traffic)
    for (const act of [...changes, ...troubles]) await stage.perform(act)
    await traffic.everyKind(2)
    assert.deepEqual([...stage.problems, ...problemsOf(traffic)], [])
    assert.equal(Object.keys(stage.acts).length, changes.length + troubles.length)
    for (const { name } of allKinds) assert.ok((traffic.counts[name]?.ok ?? 0) > 0, name)
  })

  test('counts what the gateway counted', async () => {
    await traffic.stop()
    const counted = await countByRoute(world)
    const routes = new Set(allKinds.flatMap(({ route }) => route ?? []))
    assert.ok(routes.size >= 4)
    for (const route of routes) {
      const kinds = allKinds.filter((kind) => kind.route === route)
      const asked = kinds.reduce((sum, { name }) => sum + (traffic.counts[name]?.asked ?? 0), 0)
      assert.equal((counted.get(route) ?? 0) - (countedBefore.get(route) ?? 0), asked, route)
    }
  })

  test('has a value for every curve of every thread', async () => {
    const samples = [await takeSample(world, 0), await takeSample(world, 1)]
    for (const { title, curves } of subjects) {
      const names = namesIn(samples, curves)
      assert.ok(names.length > 0, title)
      for (const name of names) assert.ok(Number.isFinite(samples[1]?.values[name]), name)
    }
    assert.ok(namesIn(samples, /^(main|worker [01]) sockets$/).length === 3)
  })

  test('finds nothing that clients made up in any series', async () => {
    const text = await readMetrics(world)
    assert.ok(parseMetrics(text).size > 100)
    assert.doesNotMatch(text, /user-\d|jti-\d|guest|page=|soak\/|nobody|nowhere/)
  })

  test('goes on when a worker dies', async () => {
    traffic = startTraffic(world, { seed: 3, clients: 6, pauseMs: 20 })
    const stage = createStage(world, traffic)
    await stage.perform(workerDeath)
    await traffic.everyKind(1)
    assert.deepEqual([...stage.problems, ...problemsOf(traffic)], [])
  })
})

async function countByRoute(world: World): Promise<Map<string, number>> {
  const counted = new Map<string, number>()
  for (const [series, value] of parseMetrics(await readMetrics(world))) {
    const route = /^aegis_http_requests_total\{route="([^"]+)"/.exec(series)?.[1]
    if (route !== undefined) counted.set(route, (counted.get(route) ?? 0) + value)
  }
  return counted
}
