// A short run of the fuzzer, and all inputs that once broke a promise, in found/.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readSeed } from '../support/random.ts'
import { readFound } from './found.ts'
import { judge, tryInput, tryInputs } from './fuzz.ts'
import { minimise } from './minimise.ts'
import type { Target } from './target.ts'
import { findTarget, targets } from './targets.ts'

const rounds = 2
/** Of dear targets, too. */
const leastInputs = 40
/** Choices of a check, such as cuts, differ by seed. */
const seedsOfFound = 20
const seed = readSeed()

describe(`a fuzzer finds nothing (AEGIS_TEST_SEED=${seed})`, () => {
  for (const target of targets) {
    describe(`in ${target.name}`, () => {
      before(() => target.start?.())
      after(() => target.close?.())

      it('with fresh inputs', () => tryInputs(target, seed, Math.max(leastInputs, rounds * target.share)))

      const known = readFound().filter((found) => found.target === target.name)
      for (const { promise, input } of known.flatMap(({ inputs }) => inputs)) {
        it(`with what once broke the promise: ${promise}`, async () => {
          for (let i = 0; i < seedsOfFound; i++) assert.equal(await judge(target, input, i), null)
        })
      }
    })
  }
})

describe('the fuzzer itself', () => {
  const noB: Target = {
    name: 'no letter b',
    share: 1,
    create: (random) => `${'a'.repeat(random.int(50))}b${'c'.repeat(random.int(50))}`,
    check: (input) => assert.ok(!input.includes('b'), 'there is a b'),
  }

  it('shows the smallest input that breaks a promise, and how to have it again', async () => {
    await assert.rejects(tryInput(noB, 7), (error: Error) => {
      assert.match(error.message, /^no letter b, seed 7: there is a b\nsmallest input: "b"\n/)
      assert.match(error.message, /npm run fuzz -- --target "no letter b" --seed 7 --count 1$/)
      return true
    })
  })

  it('makes the same input of the same seed', async () => {
    for (const target of targets) {
      const inputs = new Set<string>()
      for (let i = 0; i < 2; i++) await tryInput({ ...target, check: (input) => void inputs.add(input) }, 11)
      assert.equal(inputs.size, 1, target.name)
    }
  })

  it('makes an input no smaller than what it needs to break the promise', async () => {
    const breaks = async (input: string) => input.startsWith('x') && input.endsWith('yz')
    assert.equal(await minimise('x123456yz', breaks), 'xyz')
  })

  it('knows every target of the inputs that were found', () => {
    for (const { target, inputs } of readFound()) {
      findTarget(target)
      assert.ok(inputs.length > 0)
    }
  })
})
