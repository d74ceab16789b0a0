// A short run of the fuzzer. What it finds becomes a row in the tables of the part that it was found in, with its bytes: a
// seed stands for other bytes as soon as the mutations change.
import { describe, it } from 'node:test'
import { readSeed } from '../support/random.ts'
import { tryInputs } from './fuzz.ts'
import { createTargets } from './targets.ts'

const targets = await createTargets()
const seed = readSeed()

describe(`a fuzzer finds nothing (AEGIS_TEST_SEED=${seed})`, () => {
  for (const target of targets) it(`in ${target.name}`, () => tryInputs(target, seed, 400))
})
