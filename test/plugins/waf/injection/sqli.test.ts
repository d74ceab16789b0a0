import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fold, toShape } from '../../../../plugins/waf/seclang/injection/sql-fold.ts'
import { Reading } from '../../../../plugins/waf/seclang/injection/sql-reading.ts'
import { SqlTokeniser } from '../../../../plugins/waf/seclang/injection/sql-tokeniser.ts'
import { isAttack } from '../../../../plugins/waf/seclang/injection/sql-verdict.ts'
import { sqlWords } from '../../../../plugins/waf/seclang/injection/sql-words.ts'
import { detectSqli } from '../../../../plugins/waf/seclang/injection/sqli.ts'
import { type CorpusValue, readCorpus } from './corpus.ts'

const attacks = readCorpus('sqli-attacks')
const benign = readCorpus('sqli-benign')

/** What an attacker changes without changing the meaning. */
const disguises: readonly (readonly [name: string, disguise: (attack: string) => string])[] = [
  ['in upper case', (attack) => attack.toUpperCase()],
  ['in lower case', (attack) => attack.toLowerCase().replaceAll('\\n', '\\N')],
  ['with tabs for blanks', (attack) => attack.replaceAll(' ', '\t')],
  ['with line feeds for blanks', (attack) => attack.replaceAll(' ', '\n')],
  ['with no-break spaces for blanks', (attack) => attack.replaceAll(' ', '\xa0')],
  ['with two blanks for one', (attack) => attack.replaceAll(' ', '  ')],
  ['after blanks', (attack) => `  \t${attack}`],
]

/** Without the values that a line feed changes, because it ends their line comment. */
function disguised(
  values: readonly CorpusValue[],
  name: string,
  disguise: (value: string) => string,
): readonly string[] {
  const plain = values.map(({ value }) => value)
  return plain.filter((value) => !name.includes('line feed') || !/--|#/.test(value)).map(disguise)
}

describe('detectSqli', () => {
  it('finds every attack of the corpus', () => {
    const missed = attacks.filter(({ value }) => detectSqli(value) === null)
    assert.deepEqual(missed, [])
  })

  it('lets every value of honest users pass', () => {
    const flagged = benign.filter(({ value }) => detectSqli(value) !== null)
    assert.deepEqual(flagged, [])
  })

  for (const [name, disguise] of disguises)
    it(`finds the attacks ${name}`, () => {
      const missed = disguised(attacks, name, disguise).filter((value) => detectSqli(value) === null)
      assert.deepEqual(missed, [])
    })

  for (const [name, disguise] of disguises.slice(2))
    it(`lets the values of honest users pass ${name}`, () => {
      const flagged = disguised(benign, name, disguise).filter((value) => detectSqli(value) !== null)
      assert.deepEqual(flagged, [])
    })

  it('answers the fingerprint of the reading that is an attack', () => {
    const table: readonly (readonly [value: string, fingerprint: string])[] = [
      ['1 union select 2', '1UE1'],
      ["x' or 1=1--", 's&1c'],
      ['x" or 1=1#', 's&1c'],
      ["x' or 'y'='y", 's&sos'],
      ['1; drop table a', '1;Tn'],
      ['1 /*!or*/ 2', 'X'],
    ]
    assert.deepEqual(
      table.map(([value]) => [value, detectSqli(value)]),
      table,
    )
  })

  it('reads a value as it is, inside single quotes and inside double quotes', () => {
    assert.equal(detectSqli('1 or 2=2'), '1&1')
    assert.equal(detectSqli("1' or 2=2--"), 's&1c')
    assert.equal(detectSqli('1" or 2=2--'), 's&1c')
  })

  it('reads a dash dash without a blank and a hash as MySQL does too', () => {
    assert.equal(detectSqli("x'#"), 'sc')
    assert.equal(detectSqli('1" union all select --1 from t'), 'sUE1k')
  })

  it('takes an unclosed backquote at the end for a comment', () => {
    assert.equal(detectSqli('x" and 1=1 `'), 's&1c')
  })

  it('takes a comment behind one value for an attack only where it ends the value', () => {
    for (const value of ['1--', '1 --', '1/*', "x'--", "x'-- -", 'foo/* x', '1*1--', "x'#"])
      assert.notEqual(detectSqli(value), null, value)
    for (const value of ['foo--', 'foo -- bar', '1# room', "x' -- and so on", 'a # b', '1#'])
      assert.equal(detectSqli(value), null, value)
  })

  it('tells a union that was cut off from the word', () => {
    assert.equal(detectSqli('1 union'), null)
    assert.equal(detectSqli('1 /* x */ union'), '1U')
  })

  it('takes logic over two numbers for an attack only where something is compared', () => {
    assert.equal(detectSqli('5 or 6'), null)
    assert.equal(detectSqli('1 and 1/2'), null)
    assert.equal(detectSqli('5 or 6>5'), '1&1')
    assert.equal(detectSqli('5 or/**/6'), '1&1')
  })

  it('refuses plain words at once, which no reading would have found', () => {
    const plain = [...sqlWords.keys()]
      .filter((word) => /^\w+$/.test(word))
      .flatMap((word) => [word, `1${word}`, `0x${word}`])
    assert.ok(plain.length > 3000)
    for (const value of plain) {
      const tokeniser = new SqlTokeniser(value, '', 'ansi')
      const tokens = fold(tokeniser)
      assert.equal(isAttack(new Reading(value, tokens, toShape(tokens), tokeniser)), false, value)
      assert.equal(detectSqli(value), null, value)
    }
  })

  it('answers null for nothing, blanks, and single tokens', () => {
    for (const value of [
      '',
      ' ',
      '\0',
      'a',
      '1',
      "'",
      '"',
      '`',
      '\\',
      '--',
      '/*',
      '#',
      '\xff',
      ';',
      '((((',
      'select',
    ])
      assert.equal(detectSqli(value), null, JSON.stringify(value))
  })
})
