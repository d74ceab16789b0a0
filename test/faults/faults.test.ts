// A short selection of the fault table (all of it: npm run test:faults), and that the table can tell a failure.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Fault, type Row, survived } from './fault.ts'
import { redisFaults } from './redis.ts'
import { type RedisScene, startRedisScene } from './redis-scene.ts'
import { rows } from './rows.ts'
import { runFault } from './run-fault.ts'
import { toTable } from './table.ts'

const selection = [
  'Redis killed',
  'Redis stopped (SIGSTOP)',
  'Consul killed',
  'Consul empty',
  'upstream: one target hangs',
]

describe('two gateways under load survive', () => {
  for (const name of selection) {
    test(name, async () => {
      const row = rows.find((one) => one.name === name)
      assert.ok(row !== undefined, 'the selection names a row')
      const result = await row.run({ answers: 300 })
      assert.ok(survived(result), toTable([result]))
      assert.ok(result.requests >= 900)
    })
  }
})

describe('the fault table', () => {
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
