import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { detectSqli } from '../../../../plugins/waf/seclang/injection/sqli.ts'
import { detectXss } from '../../../../plugins/waf/seclang/injection/xss.ts'
import { createRandom, readSeed } from '../../../support/random.ts'
import { readCorpus } from './corpus.ts'
import { mutated, randomInput } from './noise.ts'

const corpus = (['sqli-attacks', 'sqli-benign', 'xss-attacks', 'xss-benign'] as const).flatMap((name) =>
  readCorpus(name).map(({ value }) => value),
)
/** AEGIS_FUZZ_INPUTS for a longer run. */
const count = Number(process.env.AEGIS_FUZZ_INPUTS ?? 50_000)
const seed = readSeed()

/** So much of what makes a careless tokeniser go back and forth that a square of it takes seconds. */
const size = 48 * 1024
const units = [
  ...'\0\n !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~01abenqux\x7f\xa0\xff',
  '/*',
  '*/',
  '/**/',
  '/*/',
  '--',
  '-- ',
  '#\n',
  "''",
  "\\'",
  "'\\",
  '""',
  '`a`',
  '$a$',
  '$a',
  '$$',
  "q'(",
  "u&'",
  "x'",
  '1+',
  '1,',
  '1 or ',
  '(1)',
  'a.',
  'select ',
  '[a',
  '@',
  '@@',
  '{a ',
  '\\N',
  '||',
  '1e',
  '0x',
  '<a ',
  '<!--',
  '--!>',
  '-\0',
  '<!',
  '<%',
  '%>',
  '<a b=c ',
  '<a b="',
  'a=',
  '&#x',
  '&#1;',
  '</',
  '<svx ',
  '/ ',
]

describe('injection detection under noise', () => {
  it(`answers, and the same twice, for random bytes (seed ${seed})`, () => {
    const random = createRandom(seed)
    for (let i = 0; i < count; i++) answersTwice(randomInput(random, 60))
  })

  it(`answers, and the same twice, for mutated attacks and honest values (seed ${seed})`, () => {
    const random = createRandom(seed)
    for (let i = 0; i < count; i++) answersTwice(mutated(random, corpus))
  })

  it('takes time linear in the length', () => {
    for (const unit of units) {
      const long = unit.repeat(Math.ceil(size / unit.length))
      for (const input of [
        long,
        `1${long}`,
        `x'${long}`,
        `"${long}`,
        `<a ${long}`,
        `<a b='${long}`,
        `<!----${long}`,
      ]) {
        const startMs = performance.now()
        detectSqli(input)
        detectXss(input)
        const elapsedMs = performance.now() - startMs
        // About 3 ms where it is linear, on a busy machine ten times that.
        assert.ok(elapsedMs < 1000, `${JSON.stringify(input.slice(0, 20))}: ${elapsedMs} ms`)
      }
    }
  })
})

function answersTwice(input: string): void {
  const fingerprint = detectSqli(input)
  assert.match(fingerprint ?? 'X', /^(?:X|[kUBETtfn1vso&cA\\?(){}.,:;]{2,5})$/)
  assert.equal(detectSqli(input), fingerprint)
  assert.equal(detectXss(input), detectXss(input))
}
