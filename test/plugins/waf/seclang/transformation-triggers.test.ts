// The table of characters that transformations act on, held against the transformations: a wrong entry would let values
// pass untransformed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transformationTriggers } from '../../../../plugins/waf/seclang/transformation-triggers.ts'
import { transformations } from '../../../../plugins/waf/seclang/transformations/table.ts'
import { createRandom, readSeed } from '../../../support/random.ts'

test('names only transformations that there are', () => {
  assert.deepEqual(
    [...transformationTriggers.keys()].filter((name) => !transformations.has(name)),
    [],
  )
})

for (const [name, triggers] of transformationTriggers) {
  const run = transformations.get(name)
  if (run === undefined) continue
  test(`${name} leaves a value without its characters as it is`, () => {
    const seed = readSeed()
    const random = createRandom(seed)
    const others = Array.from({ length: 256 }, (_, code) => code).filter((code) => triggers[code] === 0)
    const printable = others.filter((code) => code > 31 && code < 127)
    for (let round = 0; round < 2000; round++) {
      const from = random.chance(0.7) ? printable : others
      let value = ''
      for (let length = random.int(12); length > 0; length--) value += String.fromCharCode(random.pick(from))
      assert.equal(run(value), value, `seed ${seed}`)
    }
  })
}
