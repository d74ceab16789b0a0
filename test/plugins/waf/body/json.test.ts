import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseJson } from '../../../../plugins/waf/seclang/body/json.ts'
import type { Pair } from '../../../../plugins/waf/seclang/types.ts'
import { limits } from './limits.ts'

const read: readonly [text: string, args: readonly Pair[]][] = [
  ['', []],
  ['7', [['json', '7']]],
  [' "x" ', [['json', 'x']]],
  ['\xef\xbb\xbf{"a":1}', [['json.a', '1']]],
  [
    '{"a":1,"b":[true,null,{"c":-0.5e+3}]}',
    [
      ['json.a', '1'],
      ['json.b.0', 'true'],
      ['json.b.1', ''],
      ['json.b.2.c', '-0.5e+3'],
    ],
  ],
  [
    '[[["x"]],"y"]',
    [
      ['json.0.0.0', 'x'],
      ['json.1', 'y'],
    ],
  ],
  // What an application makes of these is not known: all of it is seen.
  [
    '{"a":"safe","a":"evil"}',
    [
      ['json.a', 'safe'],
      ['json.a', 'evil'],
    ],
  ],
  ['{"<script>":{}}', [['json.<script>', '']]],
  [
    '{"a":[],"b":{"c":[]}}',
    [
      ['json.a', ''],
      ['json.b.c', ''],
    ],
  ],
  ['{"\\u003cb\\u003e":"\\u003cscript\\u003e"}', [['json.<b>', '<script>']]],
  ['"\\"\\\\\\/\\b\\f\\n\\r\\t"', [['json', '"\\/\b\f\n\r\t']]],
  ['"\\u00e9\\u20ac\\ud83d\\ude00"', [['json', '\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80']]],
  ['"\\ud83dx\\ude00\\u0000"', [['json', '\xed\xa0\xbdx\xed\xb8\x80\0']]],
  ['"\xc3\xa9"', [['json', '\xc3\xa9']]],
  [
    '{"__proto__":{"a":1},"constructor":2}',
    [
      ['json.__proto__.a', '1'],
      ['json.constructor', '2'],
    ],
  ],
]

const refused = [
  ' ',
  '{',
  '[',
  '{"a":1',
  '[1,]',
  '{"a":1,}',
  '{a:1}',
  "{'a':1}",
  '[1 2]',
  '{"a" 1}',
  '01',
  '1.',
  '.5',
  '+1',
  'NaN',
  'tru',
  'truex',
  '"\\x41"',
  '"\\u12g4"',
  '"a\nb"',
  '"a',
  '"\\',
  '1 2',
  '{} {}',
  '[1]]',
  '/* */1',
  '{"a":1}\0',
  '\0{\0}',
]

describe('JSON bodies', () => {
  for (const [text, args] of read) {
    it(`reads ${JSON.stringify(text)}`, () =>
      assert.deepEqual(parseJson(text, limits), { args, error: null }))
  }

  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => JSON.parse(text))
      assert.match(parseJson(text, limits).error ?? '', /^JSON: /)
    })
  }

  it('keeps what stands before the place where it breaks', () => {
    assert.deepEqual(parseJson('{"a":"evil","b":', limits).args, [['json.a', 'evil']])
  })

  it('takes the depth that is allowed and no more', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    assert.equal(parseJson(nested(limits.depth), limits).error, null)
    assert.match(parseJson(nested(limits.depth + 1), limits).error ?? '', /deeper than 64/)
  })

  it('refuses a million brackets at once', () => {
    assert.match(parseJson('['.repeat(1_000_000), limits).error ?? '', /deeper/)
    assert.match(parseJson('{"a":'.repeat(200_000), limits).error ?? '', /deeper/)
  })

  it('takes so many values and no more', () => {
    assert.match(parseJson(`[${'1,'.repeat(limits.args)}1]`, limits).error ?? '', /more than 1000/)
  })

  it('does not multiply a long name by the values below it', () => {
    const text = `{"${'n'.repeat(50_000)}":[${'1,'.repeat(900)}1]}`
    const body = parseJson(text, limits)
    assert.match(body.error ?? '', /names are too long/)
    const bytes = body.args.reduce((sum, [name]) => sum + name.length, 0)
    assert.ok(bytes < 10 * text.length, `${bytes} bytes of names`)
  })
})
