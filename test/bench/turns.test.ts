// How turns become figures. Nothing is started: the bench's programs are not needed.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Figures, Gateway, Scenario } from '../../bench/scenario.ts'
import { takeTurns, toRows } from '../../bench/turns.ts'

const plan = { rounds: 2, seconds: 1, warmUpSeconds: 3 }
const upstream = { origin: 'http://127.0.0.1:1', hostAndPort: '127.0.0.1:1', stop: async () => {} }

function toFigures(cost: number, errors = 0): Figures {
  return { cost, perSecond: 1, p50Ms: 1, p99Ms: 2, errors }
}

function createScenario(log: string[], extra: Partial<Scenario> = {}): Scenario {
  const toGateway = (name: string): Gateway => ({
    name,
    async start() {
      log.push(`start ${name}`)
      return { pid: 0, origin: name, headers: {}, stop: async () => void log.push(`stop ${name}`) }
    },
  })
  return {
    name: 'trial',
    about: '',
    unit: 'us/request',
    gateways: [toGateway('a'), toGateway('b')],
    async measure({ running, warmUp, seconds, number }) {
      log.push(`${warmUp ? 'warm' : 'measure'} ${running.origin} ${seconds}s #${number}`)
      return toFigures(running.origin === 'a' ? 10 : 25)
    },
    ...extra,
  }
}

async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'aegis-turns-'))
  return use(directory).finally(() => rm(directory, { recursive: true }))
}

test('gateways are warmed up as they start, then take turns, then end in reverse', async () => {
  const log: string[] = []
  const rows = await withDirectory((directory) =>
    takeTurns(createScenario(log), plan, { upstream, directory }),
  )
  assert.deepEqual(log, [
    'start a',
    'warm a 3s #0',
    'start b',
    'warm b 3s #1',
    'measure a 1s #2',
    'measure b 1s #3',
    'measure a 1s #4',
    'measure b 1s #5',
    'stop b',
    'stop a',
  ])
  assert.deepEqual(
    rows.map(({ gateway, cost, ratio }) => [gateway, cost, ratio]),
    [
      ['a', 10, 1],
      ['b', 25, 2.5],
    ],
  )
})

test('what can be measured once only is neither warmed up nor repeated', async () => {
  const log: string[] = []
  await withDirectory((directory) =>
    takeTurns(createScenario(log, { once: true }), plan, { upstream, directory }),
  )
  assert.deepEqual(
    log.filter((line) => /^(warm|measure)/.test(line)),
    ['measure a 1s #0', 'measure b 1s #1'],
  )
})

test('a failing measurement still ends every gateway', async () => {
  const log: string[] = []
  const measure = async (): Promise<Figures> => {
    throw new Error('the load died')
  }
  await assert.rejects(
    withDirectory((directory) => takeTurns(createScenario(log, { measure }), plan, { upstream, directory })),
    /the load died/,
  )
  assert.deepEqual(log, ['start a', 'stop a'])
})

test('ratios are made within a round, so that a slow round does not count for one side only', () => {
  const slowSecondRound = [
    [toFigures(10), toFigures(100), toFigures(12)],
    [toFigures(20, 1), toFigures(200, 2), toFigures(36)],
  ]
  const [, row] = toRows(createScenario([]), slowSecondRound)
  assert.equal(row?.ratio, 2)
  assert.equal(row?.cost, 36)
  assert.equal(row?.bestRatio, 2)
  assert.equal(row?.errors, 3)
  assert.deepEqual(row?.rounds, [20, 200, 36])
})
