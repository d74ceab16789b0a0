// Tables, charts, choices and profiles.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toChart } from '../../bench/chart.ts'
import { chooseScenarios } from '../../bench/choose.ts'
import { explain } from '../../bench/prepare.ts'
import { byFile, byFunction, topLines } from '../../bench/profile/top.ts'
import { programs } from '../../bench/programs.ts'
import { toTable } from '../../bench/report.ts'
import { allScenarios, quickScenarios } from '../../bench/scenarios/list.ts'

const row = {
  ...{ gateway: 'nginx', cost: 20.04, ratio: 1, bestRatio: 1, perSecond: 30_000, p50Ms: 1.2, p99Ms: 3.4 },
  ...{ errors: 0, rounds: [20, 20.1] },
}
const [scenario] = allScenarios as [(typeof allScenarios)[number]]

test('a table has a line for each gateway and says the unit', () => {
  const text = toTable(scenario, [
    row,
    { ...row, gateway: 'aegis', ratio: Number.POSITIVE_INFINITY, errors: 7 },
  ])
  const lines = text.split('\n')
  assert.match(lines[0] ?? '', /cost in us\/request$/)
  assert.match(lines[2] ?? '', /^nginx +20\.0 +1\.00 +1\.00 +30000 +1\.20 +3\.40 +0 +20\.0 20\.1$/)
  assert.match(lines[3] ?? '', /^aegis +20\.0 +- .* 7 /)
})

test('a chart escapes names and shows errors', () => {
  const svg = toChart([{ name: 'a<b', about: '"x" & y', unit: 'us', rows: [{ ...row, errors: 2 }] }], 'today')
  assert.match(svg, /a&lt;b/)
  assert.match(svg, /&quot;x&quot; &amp; y/)
  assert.match(svg, /20\.0 us \(1\.00 x\), 2 errors/)
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
})

test('names are looked up, and the yardstick stays', () => {
  const choose = (choice: { scenarios?: string; gateways?: string }) =>
    chooseScenarios(allScenarios, quickScenarios, { scenarios: undefined, gateways: undefined, ...choice })
  assert.equal(choose({}), quickScenarios)
  assert.deepEqual(
    choose({ scenarios: 'download,small-get' }).map(({ name }) => name),
    ['small-get', 'download'],
  )
  assert.deepEqual(
    choose({ gateways: 'caddy' })[0]?.gateways.map(({ name }) => name),
    ['nginx', 'caddy'],
  )
  assert.throws(
    () => choose({ scenarios: 'small' }),
    /--scenarios: nothing is named small\. There is: small-get, /,
  )
  assert.throws(() => choose({ gateways: 'envoy' }), /--gateways: nothing is named envoy\./)
})

test('no two scenarios, and no two gateways of one, have the same name', () => {
  for (const list of [allScenarios, ...allScenarios.map(({ gateways }) => gateways)]) {
    const names = list.map(({ name }) => name)
    assert.deepEqual(names, [...new Set(names)])
  }
})

test('what is missing is named with its package', () => {
  const text = explain(programs)
  for (const { name, debian } of programs) {
    assert.ok(text.includes(name))
    assert.ok(text.includes(debian))
  }
})

test('a profile is told by self time; idle time and recursion do not count', () => {
  const toNode = (id: number, functionName: string, url: string, children: number[] = []) => {
    return { id, callFrame: { functionName, url, lineNumber: 4 }, children }
  }
  const profile = {
    nodes: [
      toNode(1, '(root)', '', [2, 3]),
      toNode(2, '(idle)', ''),
      toNode(3, 'serve', 'file:///x/gateway/dataplane/pipeline.ts', [4]),
      toNode(4, 'serve', 'file:///x/gateway/dataplane/pipeline.ts', [5]),
      toNode(5, 'get', 'file:///x/node_modules/lru-cache/index.js'),
    ],
    samples: [2, 3, 4, 5, 5],
    timeDeltas: [1000, 15, 15, 10, 10],
  }
  const [first, second] = topLines(profile, 2, byFunction)
  assert.deepEqual(first, { name: 'serve gateway/dataplane/pipeline.ts:5', self: 0.6, total: 1 })
  assert.deepEqual(second, { name: 'get lru-cache/index.js:5', self: 0.4, total: 0.4 })
  assert.equal(topLines(profile, 1, byFile)[0]?.name, 'gateway/dataplane/pipeline.ts')
})
