// The literal automaton against the plain search for each literal.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLiteralAutomaton } from '../../../../plugins/waf/seclang/regex/automaton.ts'
import { createRandom, readSeed } from '../../../support/random.ts'

function found(literals: readonly string[], value: string): number[] {
  const hits = new Uint32Array((literals.length >> 5) + 1)
  const any = createLiteralAutomaton(literals).scan(value, hits)
  const indexes = literals
    .map((_, index) => index)
    .filter((index) => ((hits[index >> 5] as number) >>> (index & 31)) & 1)
  assert.equal(any, indexes.length > 0)
  return indexes
}

describe('the literal automaton', () => {
  it('finds literals within one another, repeated, of either case, and the empty one', () => {
    assert.deepEqual(found(['he', 'she', 'his', 'hers', 'HE', ''], 'uSHErs'), [0, 1, 3, 4, 5])
    assert.deepEqual(found(['abcd', 'bc'], 'abc'), [1])
    assert.deepEqual(found(['\xe9', '\xc9'], '\xe9'), [0])
    assert.deepEqual(found([], 'a'), [])
  })

  it('adds to the hits that are there', () => {
    const hits = new Uint32Array([4])
    createLiteralAutomaton(['a', 'b']).scan('b', hits)
    assert.equal(hits[0], 6)
  })

  it('tells the literal that ends first, the longest of several', () => {
    const automaton = createLiteralAutomaton(['b', 'ab', 'abcd'])
    assert.deepEqual(automaton.findFirst('xABcd'), { literal: 1, end: 3 })
    assert.equal(automaton.findFirst('xyz'), null)
  })

  it('agrees with a search for each', () => {
    const seed = readSeed()
    const random = createRandom(seed)
    const text = (length: number) =>
      Array.from({ length }, () => random.pick(['a', 'b', 'B', 'c', '\xff'])).join('')
    const folded = (value: string) => value.replaceAll('B', 'b')
    for (let count = 0; count < 500; count++) {
      const literals = Array.from({ length: 1 + random.int(40) }, () => text(1 + random.int(6)))
      const value = text(random.int(30))
      const expected = literals.flatMap((one, index) => (folded(value).includes(folded(one)) ? [index] : []))
      assert.deepEqual(found(literals, value), expected, `${literals} in ${value}, seed ${seed}`)
    }
  })
})
