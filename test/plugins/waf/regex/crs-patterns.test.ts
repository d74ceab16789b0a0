// All patterns of CRS: none needs the backtracker, work grows no faster than the value, hints hold for every match.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { hostileValues, nearMiss, patternsOf, sample } from '../../../../bench/waf/patterns.ts'
import { hintOfSyntax } from '../../../../plugins/waf/seclang/regex/hint.ts'
import { LazyDfa } from '../../../../plugins/waf/seclang/regex/lazy-dfa.ts'
import { parsePattern } from '../../../../plugins/waf/seclang/regex/parse.ts'
import { compilePattern } from '../../../../plugins/waf/seclang/regex/pattern.ts'
import { compileProgram } from '../../../../plugins/waf/seclang/regex/program.ts'
import type { MatchHint } from '../../../../plugins/waf/seclang/types.ts'
import { createRandom, readSeed } from '../../../support/random.ts'

const crs4 = patternsOf(join(import.meta.dirname, '../../../../../shared/crs/rules'))
const crs3 = patternsOf('/usr/share/modsecurity-crs/rules')
const all = [...crs4, ...crs3]

function satisfies(hint: MatchHint, value: string): boolean {
  const lower = value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const holds = (mask: Uint8Array) => [...value].some((char) => mask[char.charCodeAt(0)] === 1)
  const hasLiteral = hint.anyOf?.some((literal) => lower.includes(literal)) ?? true
  return value.length >= hint.minLength && hasLiteral && hint.masks.every(holds)
}

describe('the patterns of CRS', () => {
  it('are there', () => {
    assert(crs4.length > 300, `${crs4.length} patterns of CRS 4`)
    assert(crs3.length > 200, `${crs3.length} patterns of CRS 3.3`)
  })

  it('are within reach of an automaton, but for three of CRS 3.3', () => {
    const irregular = all.filter(({ source }) => !compileProgram(parsePattern(source)).regular)
    assert.deepEqual(
      irregular.map(({ rule }) => rule),
      ['920120', '942130', '953120'],
    )
  })

  it('match their own samples as far as the hint of each promises', () => {
    const seed = readSeed()
    const random = createRandom(seed)
    let matches = 0
    for (const { rule, source } of all) {
      const syntax = parsePattern(source)
      const hint = hintOfSyntax(syntax)
      const pattern = compilePattern(source)
      for (let count = 0; count < 12; count++) {
        const value = sample(syntax.root, () => random.int(1 << 30) / (1 << 30))
        const cut = count % 3 === 0 ? value : value.slice(random.int(3), value.length - random.int(2))
        const isMatch = pattern.test(cut)
        assert.equal(
          pattern.exec(cut) !== null,
          isMatch,
          `rule ${rule}, seed ${seed}, ${JSON.stringify(cut)}`,
        )
        if (!isMatch) continue
        matches++
        assert(hint === null || satisfies(hint, cut), `rule ${rule}, seed ${seed}, ${JSON.stringify(cut)}`)
      }
    }
    assert(matches > all.length * 5, `only ${matches} matches`)
  })

  it('cost no more than their share of a value that is twice as long', () => {
    const lengths = [1500, 3000] as const
    for (const { rule, source } of all) {
      const syntax = parsePattern(source)
      const program = compileProgram(syntax)
      const [short, long] = lengths.map((length) => {
        const random = createRandom(7)
        const next = () => random.int(1 << 30) / (1 << 30)
        const values = [...hostileValues(length, next), nearMiss(syntax.root, length, next)]
        const dfa = new LazyDfa(program)
        return values.map(({ value, name }) => {
          const before = dfa.steps
          dfa.test(value)
          return { name, steps: dfa.steps - before }
        })
      }) as [{ name: string; steps: number }[], { name: string; steps: number }[]]
      short.forEach(({ name, steps }, at) => {
        const grown = long[at]?.steps ?? 0
        assert(grown <= 2.5 * steps + 20_000, `rule ${rule} on ${name}: ${steps} steps, then ${grown}`)
      })
    }
  })
})
