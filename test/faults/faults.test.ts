// A short selection of the fault table (all of it: npm run test:faults), and that the table can tell a failure.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createUpstream } from '../support/upstream.ts'
import { swapped } from './config.ts'
import { rolling } from './drain.ts'
import { type Fault, type Kind, type Row, survived } from './fault.ts'
import { redisFaults } from './redis.ts'
import { type RedisScene, startRedisScene } from './redis-scene.ts'
import { type RunnableRow, rows, toRow } from './rows.ts'
import { runFault } from './run-fault.ts'
import { startLoad } from './steady-load.ts'
import { toTable } from './table.ts'

/** A few parts; what other tests break as well, what needs root, or minutes, is left to the whole table. */
const names = [
  'Redis stopped (SIGSTOP)',
  'Consul killed',
  'upstream: one target ends the body early',
  'worker: killed',
  'disk full: no file may grow',
]
const selection: readonly RunnableRow[] = [
  ...names.map((name) => rows.find((row) => row.name === name) ?? fail(name)),
  // Fewer times than in the table.
  toRow(swapped(10)),
  toRow(rolling(2)),
]

describe('two gateways under load survive', () => {
  for (const row of selection) {
    test(row.name, async () => {
      const result = await row.run({ answers: 150 })
      assert.ok(survived(result), toTable([result]))
      assert.ok(result.requests >= 450)
    })
  }
})

const redis =
  'down at start|killed|stopped|2 s slow|flapping|restarted empty|a read-only replica|out of memory|loading'
const resets = ['', ' within the status line', ' within the head', ' behind the head', ' within the body']
/** Of one target, each way of issue 4, item 4. */
const upstream = [
  ...['refuses', 'is a black hole', 'hangs', 'answers 503', 'sends what is not HTTP', 'flapping'],
  ...resets.map((stage) => `resets${stage}`),
  ...[
    'ends the body early',
    'stops within the body',
    'sends a body longer than it says',
    'breaks its chunks',
  ],
  ...[
    'sends two answers at once',
    'sends two lengths',
    'sends one length twice',
    'sends a length and chunks',
  ],
  ...['ends lines with LF alone', 'sends a byte a second', 'sends 1xx without end'],
  ...['sends headers without end', 'sends a header without end', 'sends trailers without end'],
]
const wantedByTheIssue: readonly RegExp[] = [
  ...redis.split('|').map((how) => new RegExp(`^Redis ${how}`)),
  ...['down at start', 'killed$', 'answers 500', 'hanging', 'empty'].map(
    (how) => new RegExp(`^Consul ${how}`),
  ),
  ...upstream.map((how) => new RegExp(`^upstream: one target ${how}$`)),
  ...['refuse', 'are black holes', 'hang', 'reset'].map(
    (how) => new RegExp(`^upstream: both targets ${how}$`),
  ),
  ...['away', 'rotating', 'slow', 'garbage'].map((how) => new RegExp(`^JWKS: ${how}`)),
  ...['away', 'slower', 'answers garbage', 'flapping'].map((how) => new RegExp(`^authorize: ${how}`)),
  ...['half-written', 'invalid$', 'gone', 'swapped 1,000'].map((how) => new RegExp(`^config: ${how}`)),
  ...['killed', 'throws', 'blocked', 'out of heap', '100 deaths'].map((how) => new RegExp(`^worker: ${how}`)),
  ...['SIGTERM with a long download and WebSockets', '100 '].map((how) => new RegExp(`^drain: ${how}`)),
  ...['an hour forward', 'an hour back'].map((how) => new RegExp(`^clock: ${how}`)),
  ...['50 writers, killed', 'two files in one write, killed'].map((how) => new RegExp(`^admin: ${how}`)),
  ...['', ', at start'].map((when) => new RegExp(`^disk full: config, state and logs${when}$`)),
]

test('each fault has a name of its own, and those that issues 4 and 5 name are there', () => {
  const all = rows.map(({ name }) => name)
  assert.equal(new Set(all).size, all.length)
  for (const wanted of wantedByTheIssue)
    assert.ok(
      all.some((name) => wanted.test(name)),
      String(wanted),
    )
})

function fail(name: string): never {
  throw new Error(`the selection names a row that is none: ${name}`)
}

describe('the fault table', () => {
  test('counts what never ends as hung and lost, and ends', async () => {
    // The head comes, and the first of the body: no fault excuses that the rest never does.
    const upstream = await createUpstream((_, res) => res.writeHead(200).write('some'))
    const kind: Kind = {
      name: 'endless',
      make: (n) => ({ path: `/${n}` }),
      judge: () => 'ok',
      judgeFailure: () => 'ok',
    }
    const load = startLoad({ gateways: [upstream], kinds: [kind] }, 100)
    await load.answers(1_000_000)
    await load.stop()
    const { requests, lost, hung } = load.counts
    assert.ok(requests > 0)
    assert.deepEqual([lost, hung], [requests, requests])
    assert.match(load.examples[0] ?? '', /endless, before: lost: no end within 100 ms/)
    await upstream.close()
  })

  test('shows what is lost, what is wrong, and a limit that was passed', async () => {
    const [first] = redisFaults
    assert.ok(first !== undefined)
    const fault: Fault<RedisScene> = {
      name: 'a fault that is not survived',
      start: async () => {
        const scene = await startRedisScene({ tightTimes: 0 })
        const [kind, ...others] = scene.kinds
        assert.ok(kind !== undefined)
        return {
          ...scene,
          recovered: async () => false,
          kinds: [{ ...kind, judge: () => 'wrong' }, ...others],
        }
      },
      break: async ({ gateways }) => void (await gateways[0]?.stop()),
      mend: async () => {},
    }
    const row: Row = await runFault(fault, { answers: 200 })
    assert.ok(row.wrong > 0 && row.lost > 0, toTable([row]))
    assert.equal(row.recoveryMs, null)
    assert.match(row.problems.join('\n'), /passed a limit of 20; 0 at most/)
    assert.match(row.problems.join('\n'), /limited, before: wrong: 200/)
    assert.equal(survived(row), false)
    assert.match(toTable([row]), /FAILED/)
  })
})
