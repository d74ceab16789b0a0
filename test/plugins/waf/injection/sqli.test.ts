import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { detectSqli } from '../../../../plugins/waf/seclang/injection/sqli.ts'
import { readCorpus } from './corpus.ts'

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

/** A line feed ends a line comment, so that the end of an attack that has one becomes a part of it. */
function endsLineComment(attack: string): boolean {
  return /--|#/.test(attack)
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
      const candidates = attacks.filter(
        ({ value }) => name.includes('blank') === false || !endsLineComment(value),
      )
      const missed = candidates
        .map(({ value }) => disguise(value))
        .filter((value) => detectSqli(value) === null)
      assert.deepEqual(missed, [])
    })

  for (const [name, disguise] of disguises.slice(2))
    it(`lets the values of honest users pass ${name}`, () => {
      const flagged = benign.map(({ value }) => disguise(value)).filter((value) => detectSqli(value) !== null)
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
