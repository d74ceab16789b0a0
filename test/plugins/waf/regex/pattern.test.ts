// Patterns: what they match and which groups, as PCRE does it, byte by byte.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LazyDfa } from '../../../../plugins/waf/seclang/regex/lazy-dfa.ts'
import { parsePattern } from '../../../../plugins/waf/seclang/regex/parse.ts'
import { compilePattern } from '../../../../plugins/waf/seclang/regex/pattern.ts'
import { compileProgram } from '../../../../plugins/waf/seclang/regex/program.ts'
import { createRandom, type Random, readSeed } from '../../../support/random.ts'

type Case = readonly [pattern: string, value: string, groups: readonly (string | undefined)[] | null]

const cases: Readonly<Record<string, readonly Case[]>> = {
  'prefers the first alternative and the longest repetition': [
    ['a|ab', 'xab', ['a']],
    ['(a+)(a*)', 'aaa', ['aaa', 'aaa', '']],
    ['(a+?)(a*)', 'aaa', ['aaa', 'a', 'aa']],
    ['(?U)(a+)(a*?)', 'aaa', ['aaa', 'a', 'aa']],
    ['a{2,3}', 'aaaa', ['aaa']],
    ['a{2,3}?', 'aaaa', ['aa']],
    ['a{2}', 'a', null],
    ['(x)?y', 'y', ['y', undefined]],
    ['(?:(a)|b)+', 'ab', ['ab', 'a']],
  ],
  'finds the leftmost match': [
    ['b+|abbb', 'xabbb', ['abbb']],
    ['[a-c]+x|bc', 'abc', ['bc']],
  ],
  'lets the dot, ^ and $ see lines as ModSecurity does': [
    ['a.b', 'a\nb', ['a\nb']],
    ['^b$', 'a\nb\nc', ['b']],
    ['^$', 'a\n', null],
    ['^$', '\na', ['']],
    ['\\Ab', 'a\nb', null],
    ['a\\z', 'a\n', null],
    ['a\\Z', 'a\n', ['a']],
    ['a\\Z', 'a\nb', null],
    ['(?-s)a.b', 'a\nb', null],
    ['(?-m)^b', 'a\nb', null],
  ],
  'sees words of ASCII only': [
    ['\\bab\\b', '\xe9ab\xe9', ['ab']],
    ['\\bab\\b', 'xab', null],
    ['\\Bb', 'ab', ['b']],
    ['\\w+', '\xe9', null],
    ['\\s', '\xa0', null],
    ['[\\W]', '\xe9', ['\xe9']],
    ['(?i)\xe9', '\xc9', null],
  ],
  'reads bytes in every spelling': [
    ['\\x41\\x{42}\\103\\x4a', 'ABCJ', ['ABCJ']],
    ['[\\x80-\\xff]+', 'a\x80\xff', ['\x80\xff']],
    ['[^\\x00-\\xff]', 'a', null],
    ['\\t\\n\\r\\f\\e\\a\\0', '\t\n\r\f\x1b\x07\0', ['\t\n\r\f\x1b\x07\0']],
    ['\\v', '\x0b', ['\x0b']],
    ['\\cA', '\x01', ['\x01']],
    ['\\R', 'a\r\n', ['\r\n']],
    ['\\Qa.b\\E+', 'a.bb', ['a.bb']],
  ],
  'reads classes': [
    ['[]a]+', ']a', [']a']],
    ['[^]a]', ']ab', ['b']],
    ['[a\\]b]+', 'a]b', ['a]b']],
    ['[a-]+', '-a', ['-a']],
    ['[\\d-x]+', '1-x', ['1-x']],
    ['[[:alpha:][:^space:]]+', ' a1', ['a1']],
    ['[\\b]', '\b', ['\b']],
    ['[a-c&&b]+', '&a', ['&a']],
    ['(?i)[a-c]+', 'ABC', ['ABC']],
    ['(?i)[^a]', 'Ab', ['b']],
  ],
  'changes modes where it is told to': [
    ['a(?i)b|c', 'aB', ['aB']],
    ['a(?i)b|c', 'C', ['C']],
    ['a(?i:b)c', 'aBc', ['aBc']],
    ['a(?i:b)c', 'aBC', null],
    ['(?x) a b # c\n c', 'abc', ['abc']],
    ['a(?#comment)b', 'ab', ['ab']],
  ],
  'takes braces that count nothing for themselves': [
    ['a{', 'a{', ['a{']],
    ['a{,2}', 'a{,2}', ['a{,2}']],
    ['{}', '{}', ['{}']],
  ],
  'gives nothing back to possessive and atomic parts': [
    ['a++b', 'aab', ['aab']],
    ['a++a', 'aaa', null],
    ['\\s*+[^x]', '  x', null],
    ['(?>a|ab)c', 'abc', null],
    ['(?>a+)ab', 'aaab', null],
    ['x(?:a?)++b', 'xaab', ['xaab']],
  ],
  'looks ahead and behind': [
    ['<\\?(?!xml)', '<?xml <?php', ['<?']],
    ['a(?=b)(.)', 'aab', ['ab', 'b']],
    ['(?<!&amp);', '&amp;', null],
    ['(?<!&amp);', 'a;', [';']],
    ['(?<=a|bc)d', 'bcd', ['d']],
    ['a(?![0-9])', 'a1a', ['a']],
  ],
  'refers back to groups': [
    ['(\\w)\\1', 'abb', ['bb', 'b']],
    ['(?i)(a)\\1', 'aA', ['aA', 'a']],
    ['(?P<x>.)-\\k<x>', 'a-a', ['a-a', 'a']],
    ['([\'"]).*?\\1', `a'b"c'`, [`'b"c'`, "'"]],
    ['(a)|\\1b', 'b', null],
  ],
}

const refusals: readonly (readonly [pattern: string, message: RegExp])[] = [
  ['(a', /"\(" without its "\)" at offset 2/],
  ['a)', /"\)" without its "\("/],
  ['[a', /"\[" without its "\]"/],
  ['*a', /nothing to repeat/],
  ['a\\', /a backslash ends the pattern/],
  ['[b-a]', /runs backwards/],
  ['a{3,2}', /runs backwards/],
  ['\\x{100}', /above 0xff/],
  ['\u20ac', /above 0xff/],
  ['\\p{L}', /escape \\p/],
  ['(a)\\2', /a group that does not exist/],
  ['(?(1)a|b)', /kind of group/],
  ['(?R)', /mode "R"/],
  ['(?<n', /without its|kind of group/],
  ['[[:nope:]]', /unknown class/],
  ['('.repeat(300) + ')'.repeat(300), /nested/],
]

describe('a pattern', () => {
  for (const [title, list] of Object.entries(cases)) {
    it(title, () => {
      for (const [source, value, groups] of list) {
        const pattern = compilePattern(source)
        assert.equal(pattern.test(value), groups !== null, `${source} on ${JSON.stringify(value)}`)
        assert.deepEqual(pattern.exec(value)?.groups ?? null, groups, `${source} on ${JSON.stringify(value)}`)
      }
    })
  }

  it('that is not understood is refused with the place', () => {
    for (const [source, message] of refusals) assert.throws(() => compilePattern(source), message, source)
  })

  it('that would need too many states says so when it is first used', () => {
    const pattern = compilePattern('(?:(?:a{1,500}){1,500}){1,500}')
    assert.throws(() => pattern.test('a'), /too many states/)
  })

  it('searches on from a place and still sees what is before it', () => {
    const pattern = compilePattern('\\ba|^b')
    assert.equal(pattern.exec('aaa b', 1), null)
    assert.equal(pattern.exec('aaa a', 1)?.index, 4)
    assert.equal(pattern.exec('b\nb', 1)?.index, 2)
  })

  it('that backtracks without end counts as matching, and soon', () => {
    const pattern = compilePattern('(a|a)*(?=b)\\1x')
    assert.equal(pattern.test(`${'a'.repeat(60)}by`), false)
    assert.equal(pattern.test(`${'a'.repeat(60)}bx`), true)
  })

  it('tells the whole match alone when its groups cost too much', () => {
    const pattern = compilePattern('(x+x+)+(?:a|b|c|[^y]{1,300})+(y)')
    const match = pattern.exec(`${'x'.repeat(20000)}y`)
    assert.equal(match?.index, 0)
    assert.equal(match?.groups.length, 1)
  })

  it('stays right and linear where nearly every byte makes a state that was never there', () => {
    const random = createRandom(3)
    const dfa = new LazyDfa(compileProgram(parsePattern('a[ab]{20}c$')))
    for (const end of ['c', 'd', `a${'b'.repeat(20)}c`, 'c\n', 'cx']) {
      const value = Array.from({ length: 20_000 }, () => random.pick(['a', 'b'])).join('') + end
      const before = dfa.steps
      assert.equal(dfa.test(value), /a[ab]{20}c$/m.test(value), end)
      assert(dfa.steps - before < 20_000 * 100, `${dfa.steps - before} steps`)
    }
  })

  it('agrees with the engine of V8 on what both know', () => {
    const seed = readSeed()
    const random = createRandom(seed)
    for (let count = 0; count < 1500; count++) {
      const source = randomPattern(random, 3)
      const pattern = compilePattern(source)
      const reference = new RegExp(source, 's')
      for (let again = 0; again < 8; again++) {
        const value = Array.from({ length: random.int(12) }, () =>
          random.pick(['a', 'b', 'c', ' ', '1']),
        ).join('')
        const expected = reference.exec(value)
        const place = `${source} on ${JSON.stringify(value)}, seed ${seed}`
        assert.equal(pattern.test(value), expected !== null, place)
        const match = pattern.exec(value)
        assert.deepEqual([match?.index, match?.groups[0]], [expected?.index, expected?.[0]], place)
      }
    }
  })
})

/** Without repetitions of what can be empty, and without lines: there the two differ by design. */
function randomPattern(random: Random, depth: number): string {
  const atoms = ['a', 'b', 'c', '.', '[ab]', '[^a]', '\\w', '\\s', '\\d', '1']
  const parts = Array.from({ length: 1 + random.int(3) }, () => {
    const zero = random.chance(0.15) ? random.pick(['\\b', '\\B', '\\b']) : ''
    if (depth === 0 || random.chance(0.5))
      return `${zero}${random.pick(atoms)}${random.pick(['', '', '*', '+?', '{1,3}', '?'])}`
    const choices = Array.from(
      { length: 1 + random.int(3) },
      () => `${random.pick(atoms)}${randomPattern(random, depth - 1)}`,
    )
    return `${zero}(${random.pick(['', '?:'])}${choices.join('|')})${random.pick(['', '', '*', '+', '??', '{2}'])}`
  })
  return parts.join('')
}
