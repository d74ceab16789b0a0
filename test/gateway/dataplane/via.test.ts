import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createVia } from '../../../gateway/dataplane/via.ts'

describe('Via', () => {
  const via = createVia('aegis-0123456789ab')
  const other = '1.1 aegis-ba9876543210'
  const members = (count: number): string =>
    Array.from({ length: count }, (_, index) => `1.1 aegis-${String(index).padStart(12, '0')}`).join(', ')

  test('names the version that came', () => {
    assert.deepEqual(via.own, {
      '1.0': '1.0 aegis-0123456789ab',
      '1.1': '1.1 aegis-0123456789ab',
      '2': '2 aegis-0123456789ab',
    })
  })

  const cases: [string, string, boolean, string | null][] = [
    ['a trusted chain goes on', '1.0 fred, HTTP/1.1 edge (nginx)', true, '1.0 fred, HTTP/1.1 edge (nginx)'],
    ["a stranger's does not", '1.0 fred, HTTP/1.1 edge (nginx)', false, ''],
    ['another gateway of ours goes on, whoever says so', `1.0 fred, ${other}`, false, other],
    [
      'a name that is almost one of ours does not',
      '1.1 aegis-ba987654321, 1.1 aegis-x, 1.1 aegis',
      false,
      '',
    ],
    [
      'nothing can be hidden behind such a name',
      '1.1 aegis-ba9876543210 (x), 1.1 aegis-ba9876543210;x',
      false,
      '',
    ],
    ['itself is a loop', '1.1 aegis-0123456789ab', false, null],
    ['itself among others is a loop', `1.1 a,1.0\taegis-0123456789ab (x), ${other}`, true, null],
    ['itself in upper case is a loop', '1.1 AEGIS-0123456789AB', false, null],
    ['a name that begins as its own is none', '1.1 aegis-0123456789abc', false, ''],
    ['its name as a version is none', 'aegis-0123456789ab x', false, ''],
    ['nothing', '', false, ''],
    ['fifteen gateways are a row', members(15), false, members(15)],
    ['sixteen are a circle', members(16), false, null],
  ]
  for (const [title, received, trusted, expected] of cases) {
    test(title, () => assert.equal(via.carry(received, trusted), expected))
  }
})
