import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { detectSqli } from '../../../../plugins/waf/seclang/injection/sqli.ts'
import { detectXss } from '../../../../plugins/waf/seclang/injection/xss.ts'
import { readCorpus } from './corpus.ts'
import { mutated, randomInput, seededRandom } from './random.ts'

const corpus = (['sqli-attacks', 'sqli-benign', 'xss-attacks', 'xss-benign'] as const).flatMap((name) =>
  readCorpus(name).map(({ value }) => value),
)
const count = Number(process.env.AEGIS_FUZZ_INPUTS ?? 50_000)

/** 128 KB of what makes a careless tokeniser go back and forth. */
const size = 128 * 1024
const units = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
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
  it('answers, and the same twice, for random bytes', () => {
    const random = seededRandom(20_121)
    for (let i = 0; i < count; i++) answersTwice(randomInput(random, 60))
  })

  it('answers, and the same twice, for mutated attacks and honest values', () => {
    const random = seededRandom(7)
    for (let i = 0; i < count; i++) answersTwice(mutated(random, corpus))
  })

  it('takes time linear in the length', () => {
    for (const unit of units) {
      const long = unit.repeat(Math.ceil(size / unit.length))
      for (const input of [long, `1${long}`, `x'${long}`, `"${long}`, `<a ${long}`, `<a b='${long}`]) {
        const startMs = performance.now()
        detectSqli(input)
        detectXss(input)
        const elapsedMs = performance.now() - startMs
        // About 10 ms where it is linear; a square of the length would be minutes.
        assert.ok(elapsedMs < 2000, `${JSON.stringify(input.slice(0, 20))}: ${elapsedMs} ms`)
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
