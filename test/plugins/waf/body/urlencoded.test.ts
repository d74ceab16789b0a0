import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseUrlEncoded } from '../../../../plugins/waf/seclang/body/urlencoded.ts'
import { limits } from './limits.ts'

const cases: readonly [text: string, args: readonly (readonly [string, string])[], invalid?: boolean][] = [
  ['', []],
  ['&&', []],
  [
    'a=1&b=2',
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  [
    'a=1&a=2',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  ['a', [['a', '']]],
  ['=x', [['', 'x']]],
  ['a=b=c', [['a', 'b=c']]],
  ['a+b=c+d', [['a b', 'c d']]],
  ['%61%2b=%3C%00', [['a+', '<\0']]],
  ['a=1;b=2', [['a', '1;b=2']]],
  ['a=%e9%C3%A9', [['a', '\xe9\xc3\xa9']]],
  ['a=%2525', [['a', '%25']]],
  ['a=100%', [['a', '100%']], true],
  ['a=%zz%4', [['a', '%zz%4']], true],
  ['a=%%41', [['a', '%A']], true],
  ['a=%u0041', [['a', '%u0041']], true],
]

describe('urlencoded bodies', () => {
  for (const [text, args, invalid = false] of cases) {
    it(`reads ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parseUrlEncoded(text, limits), { args, invalidEncoding: invalid, error: null })
    })
  }

  it('splits at another separator when told', () => {
    assert.deepEqual(parseUrlEncoded('a=1;b=2', limits, ';').args, [
      ['a', '1'],
      ['b', '2'],
    ])
  })

  it('keeps what was read before the limit and says that there was more', () => {
    const body = parseUrlEncoded('a&b&c', { ...limits, args: 2 })
    assert.deepEqual(body.args, [
      ['a', ''],
      ['b', ''],
    ])
    assert.match(body.error ?? '', /more than 2/)
  })
})
