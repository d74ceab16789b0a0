import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { detectXss } from '../../../../plugins/waf/seclang/injection/xss.ts'
import { readCorpus } from './corpus.ts'

const attacks = readCorpus('xss-attacks')
const benign = readCorpus('xss-benign')

const disguises: readonly (readonly [name: string, disguise: (attack: string) => string])[] = [
  ['with tabs for blanks', (attack) => attack.replaceAll(' ', '\t')],
  ['with form feeds for blanks', (attack) => attack.replaceAll(' ', '\f')],
  ['behind text', (attack) => `hello ${attack}`],
  ['behind an element', (attack) => `<b>x</b> ${attack}`],
]

describe('detectXss', () => {
  it('finds every attack of the corpus', () => {
    const missed = attacks.filter(({ value }) => !detectXss(value))
    assert.deepEqual(missed, [])
  })

  it('lets every value of honest users pass', () => {
    const flagged = benign.filter(({ value }) => detectXss(value))
    assert.deepEqual(flagged, [])
  })

  for (const [name, disguise] of disguises)
    it(`finds the attacks that begin a tag ${name}`, () => {
      const tags = attacks.filter(({ value }) => value.startsWith('<'))
      const missed = tags.map(({ value }) => disguise(value)).filter((value) => !detectXss(value))
      assert.deepEqual(missed, [])
    })

  it('finds the attacks in upper case, but for references, which have a case', () => {
    const plain = attacks.filter(({ value }) => !value.includes('&'))
    const missed = plain.map(({ value }) => value.toUpperCase()).filter((value) => !detectXss(value))
    assert.deepEqual(missed, [])
  })

  it('ignores NUL in names and URLs, as old browsers do', () => {
    for (const value of [
      '<scr\0ipt>',
      '<img src=x one\0rror=go()>',
      '<a href="java\0script:go()">',
      '<a href="javascript&\0colon;go()">',
      '<\0script>',
    ])
      assert.equal(detectXss(value), true, JSON.stringify(value))
  })

  it('reads a value as text, inside a tag, and inside each of the quotes', () => {
    for (const value of ['<script>', 'onload=go()', "' onload=go()", '" onload=go()', '` onload=go()'])
      assert.equal(detectXss(value), true, value)
    assert.equal(detectXss("x' onload"), false)
  })

  it('looks at an attribute only where it has a value', () => {
    assert.equal(detectXss('<p onload>'), false)
    assert.equal(detectXss('<p onload=1>'), true)
  })
})
