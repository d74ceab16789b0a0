import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fold, toShape } from '../../../../plugins/waf/seclang/injection/sql-fold.ts'
import { SqlTokeniser } from '../../../../plugins/waf/seclang/injection/sql-tokeniser.ts'

function shapeOf(input: string): string {
  return toShape(fold(new SqlTokeniser(input, '', 'ansi')))
}

/** Every title of a table is a rule of folding. */
const rules: Readonly<Record<string, readonly (readonly [input: string, shape: string])[]>> = {
  'drops what tells nothing at the beginning': [
    ['(((1', '1'],
    ['-+~!1', '1'],
    ['/* a */ 1', '1'],
    ['int 1', '1'],
    ['((', ''],
    ['', ''],
  ],
  'makes an expression its first value': [
    ['1+2', '1'],
    ['1 + 2 * 3', '1'],
    ['a+1', 'n'],
    ['@a + b', 'v'],
    ["1 + 's'", '1os'],
    ['1,2,3', '1'],
    ["'a',b,1", 's'],
    ['a.b.c', 'n'],
    ["'1'::int", 's'],
    ['1+(2)', '1'],
    ['1*(2)+3', '1'],
    ['1,-sin(2)', '1,f(1'],
  ],
  'drops signs and types before values': [
    ['select -1', 'E1'],
    ['select - + 1', 'E1'],
    ['select -(1', 'E(1'],
    ['1,-2', '1'],
    ['1 + int 2', '1'],
    ["select varchar 'a'", 'Es'],
    ['1 and not 2', '1&1'],
    ['1 and -(2', '1&(1'],
  ],
  'drops repetitions': [
    ["'a' 'b'", 's'],
    [';;;1', ';1'],
    ['1))))', '1)'],
    ['1 and ((((2', '1&(1'],
    ['a and b and c', 'n&n'],
  ],
  'makes phrases one token': [
    ['union all', 'U'],
    ['union all distinct', 'U'],
    ['1 order by 2', '1B1'],
    ['1 group by 2', '1B1'],
    ['1 not in (2', '1o(1'],
    ['1 into outfile', '1k'],
    ['union/*x*/all', 'U'],
    ['union select', 'UE'],
  ],
  'tells names from functions by the parenthesis': [
    ['user()', 'f()'],
    ['user', 'n'],
    ['user(a', 'n(n'],
    ['current_user()', 'f()'],
    ['current_user', 'v'],
    ['colour()', 'n()'],
    ['a in (1', 'no(1'],
    ['in your face', 'nnn'],
    ["like('a'", 'f(s'],
    [';if 1', ';T1'],
  ],
  'takes the braces of ODBC away': [
    ['select {a 1}', 'E1'],
    ['{``.x} y', '{X'],
  ],
  'takes a backslash for a number of Transact-SQL': [
    ['\\%1', '1'],
    ['\\1', '1'],
  ],
  'keeps a comment only at the end': [
    ['1 /*a*/ or 2', '1&1'],
    ['1 or 2 -- a', '1&1c'],
    ['1--', '1c'],
    ['1;/*a*/2--', '1;1c'],
  ],
  'keeps five tokens': [
    ['1 union select a from b where c', '1UEnk'],
    ['select f(g(h(i', 'En(n('],
  ],
}

describe('SQL folding', () => {
  for (const [rule, cases] of Object.entries(rules))
    it(rule, () => {
      assert.deepEqual(
        cases.map(([input]) => [input, shapeOf(input)]),
        cases,
      )
    })

  it('reads a long expression to its end without keeping it', () => {
    assert.equal(shapeOf(`${'1+'.repeat(50_000)}1 or 2`), '1&1')
  })
})
