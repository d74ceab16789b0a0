// Operators by name: what they match, what they capture, and what they refuse when the rules are loaded.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDynamicOperator, createOperator } from '../../../../plugins/waf/seclang/operators/create.ts'
import type { Operator, OperatorEnv } from '../../../../plugins/waf/seclang/types.ts'
import { createRandom, readSeed } from '../../../support/random.ts'

const files: Readonly<Record<string, string>> = {
  'words.data': '# a comment\n\n  /etc/passwd  \r\n.htaccess\n',
  'more.data': 'web.config\n',
  'nets.data': '192.0.2.0/24 # test\n2001:db8::/32, 203.0.113.7\n',
}
const env: OperatorEnv = {
  readFile(name) {
    const text = files[name]
    if (text === undefined) throw new Error(`cannot read ${name}`)
    return text
  },
}
const quiet = {
  capturing: false,
  capture: () => assert.fail('nothing is captured unless the rule asks for it'),
}

function create(name: string, argument: string): Operator {
  return createOperator(name, argument, env)
}

/** What TX:0 and so on become; null when nothing matches. */
function captured(operator: Operator, value: string): Record<number, string> | null {
  const groups: Record<number, string> = {}
  const context = {
    capturing: true,
    capture: (group: number, text: string) => Object.assign(groups, { [group]: text }),
  }
  return operator.evaluate(value, context) ? groups : null
}

type Case = readonly [name: string, argument: string, yes: readonly string[], no: readonly string[]]

const cases: readonly Case[] = [
  ['beginsWith', 'ab', ['ab', 'abc'], ['Ab', 'xab', '']],
  ['contains', 'ab', ['xaby'], ['aB', '']],
  ['contains', '', ['', 'x'], []],
  ['containsWord', 'ab', ['ab', 'x ab.', '1ab2', 'xab ab'], ['xab', 'abx', 'AB', '']],
  ['containsWord', '', ['', 'x'], []],
  ['endsWith', 'ab', ['ab', 'xab'], ['abx', 'aB', '']],
  ['streq', 'ab', ['ab'], ['AB', 'abc', '']],
  ['strmatch', 'ab', ['xaby'], ['x']],
  ['within', 'GET POST', ['GET', 'T P', ''], ['PUT', 'get']],
  ['eq', '7', ['7', ' +7', '07', '7x'], ['8', '', 'x7']],
  ['eq', 'x', ['0', '', 'y'], ['1']],
  ['ge', '7', ['7', '8', '99999999999999999999'], ['6', '-8', '']],
  ['gt', '-1', ['0', ''], ['-1', '-99999999999']],
  ['le', '7', ['7', 'x'], ['8']],
  ['lt', '7', ['6', '-1'], ['7', '70']],
  [
    'ipMatch',
    '192.0.2.0/24,198.51.100.7, 2001:db8::/32',
    ['192.0.2.9', '198.51.100.7', '2001:db8::1'],
    ['192.0.3.1', '198.51.100.8', '2001:db9::1', 'x', ''],
  ],
  ['ipMatchFromFile', 'nets.data', ['192.0.2.1', '203.0.113.7', '2001:db8:1::'], ['203.0.113.8']],
  ['ipMatchF', 'nets.data', ['192.0.2.1'], ['test']],
  ['pm', 'union select  0X', ['xUNION', 'a0x', 'SelecT'], ['uni on', '']],
  ['pm', '"ab |63 64|e"', ['ab', 'xCDE'], ['cd']],
  [
    'pmFromFile',
    'words.data more.data',
    ['GET /ETC/passwd', '.HTaccess', 'web.config'],
    ['#', 'comment', ''],
  ],
  ['pmf', 'words.data', ['/etc/passwd'], []],
  ['rx', '^a.c$', ['abc', 'x\nabc\ny', 'a\nc'], ['Abc', 'ab']],
  ['rxGlobal', 'b', ['abc'], ['a']],
  ['noMatch', '', [], ['', 'x']],
  ['unconditionalMatch', '', ['', 'x'], []],
  ['validateByteRange', '10, 13,32-126', ['\0', 'a\x7f', '\xff'], ['a\r\n z', '']],
  ['validateUrlEncoding', '', ['%', '%4', '%zz', 'a%41%4'], ['', '%41', 'a+b']],
  [
    'validateUtf8Encoding',
    '',
    ['\xff', '\xc0\xaf', '\xed\xa0\x80', 'a\xc3'],
    ['', 'abc', '\xc3\xa9', '\xf0\x9f\x98\x80'],
  ],
  ['verifyCC', '\\b\\d{13,16}\\b', ['4111111111111111', 'x 5500005555555559 y'], ['4111111111111112', '41']],
  ['verifySSN', '\\d{3}-?\\d{2}-?\\d{4}', ['078-05-1120'], ['000-05-1120', '666-05-1120', '123456789']],
  ['verifyCPF', '[0-9.-]{11,14}', ['529.982.247-25'], ['529.982.247-26', '111.111.111-11']],
  ['verifySVNR', '\\d{10}', ['1237010180'], ['1238010180']],
  ['detectSQLi', '', ["1' or '1'='1"], ['', 'select a good book', '42']],
  ['detectXSS', '', ['<script>alert(1)</script>'], ['', 'a < b', '1 > 0']],
]

const refusals: readonly (readonly [name: string, argument: string, message: RegExp])[] = [
  ['nope', '', /there is no operator @nope/],
  ['rx', '(', /^@rx: .*without its/],
  ['pm', ' ', /^@pm: there is no phrase/],
  ['pmFromFile', 'none.data', /^@pmFromFile: cannot read none\.data/],
  ['ipMatch', '192.0.2.0/33', /192\.0\.2\.0\/33" is no address/],
  ['ipMatch', 'example.com', /"example\.com" is no address/],
  ['validateByteRange', '1-256', /"1-256" is no byte/],
  ['validateByteRange', '9-1', /"9-1" is no byte/],
  ['inspectFile', '/bin/x', /@inspectFile is not supported: rules do not run programs/],
  ['fuzzyHash', 'x 1', /not supported/],
]

describe('an operator', () => {
  it('matches what it should, whatever the case of its name', () => {
    for (const [name, argument, yes, no] of cases) {
      for (const spelling of [name, name.toLowerCase()]) {
        const operator = create(spelling, argument)
        for (const value of yes)
          assert(operator.evaluate(value, quiet), `@${name} ${argument} on ${JSON.stringify(value)}`)
        for (const value of no)
          assert(!operator.evaluate(value, quiet), `@${name} ${argument} on ${JSON.stringify(value)}`)
      }
    }
  })

  it('promises in its hint only what every match holds', () => {
    for (const [name, argument, yes] of cases) {
      const { hint } = create(name, argument)
      if (hint === null) continue
      for (const value of yes) {
        const lower = value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
        assert(value.length >= hint.minLength, `@${name} ${argument} on ${JSON.stringify(value)}`)
        assert(
          hint.anyOf?.some((literal) => lower.includes(literal)) ?? true,
          `@${name} ${argument} on ${value}`,
        )
        for (const mask of hint.masks)
          assert(
            [...value].some((char) => mask[char.charCodeAt(0)] === 1),
            `@${name}`,
          )
      }
    }
  })

  it('says what is wrong with it when the rules are loaded', () => {
    for (const [name, argument, message] of refusals)
      assert.throws(() => create(name, argument), { message }, name)
  })

  it('captures what it found where the rule asks for it', () => {
    assert.deepEqual(captured(create('rx', '(a)(x)?(b)'), '-ab'), { 0: 'ab', 1: 'a', 3: 'b' })
    assert.deepEqual(captured(create('rx', '(a)'), 'b'), null)
    assert.deepEqual(captured(create('rxGlobal', '(a|b)c'), 'acbc'), { 0: 'ac', 1: 'a', 2: 'bc', 3: 'b' })
    assert.deepEqual(captured(create('pm', 'ab abc'), 'xABCy'), { 0: 'AB' })
    assert.deepEqual(captured(create('verifyCC', '\\d{16}'), '04111111111111111'), { 0: '4111111111111111' })
    assert.equal(typeof captured(create('detectSQLi', ''), "1' or '1'='1")?.[0], 'string')
  })

  it('captures ten groups at most', () => {
    const groups = captured(create('rx', '(.)'.repeat(12)), 'abcdefghijklm')
    assert.deepEqual(Object.keys(groups ?? {}).length, 10)
  })

  it('takes an argument that comes with each value', () => {
    assert(createDynamicOperator('within')('GET', 'GET POST', quiet))
    assert(createDynamicOperator('gt')('10', '9', quiet))
    const rx = createDynamicOperator('rx')
    assert(rx('abc', 'b', quiet))
    assert(!rx('abc', '(', quiet), 'what is no pattern matches nothing')
    for (let count = 0; count < 100; count++) assert(rx(`a${count}`, `a${count}$`, quiet))
    assert.throws(() => createDynamicOperator('pm'), /takes no macros/)
    assert.throws(() => createDynamicOperator('nope'), /there is no operator/)
  })

  it('takes any bytes', () => {
    const seed = readSeed()
    const random = createRandom(seed)
    const operators = cases.map(([name, argument]) => create(name, argument))
    for (let count = 0; count < 1500; count++) {
      const value = Array.from({ length: random.int(60) }, () => String.fromCharCode(random.int(256))).join(
        '',
      )
      for (const operator of operators) {
        const matches = captured(operator, value) !== null
        assert.equal(operator.evaluate(value, quiet), matches, `${JSON.stringify(value)}, seed ${seed}`)
      }
    }
  })
})
