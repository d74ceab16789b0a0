// The loop of the fuzzer: an input is a target and a seed, so that a failure can be had again from its seed alone.
import { createRandom } from '../support/random.ts'
import type { Target } from './targets.ts'

/** Throws an error that says how to have it again. */
export async function tryInput(target: Target, seed: number): Promise<void> {
  const random = createRandom(seed)
  const input = target.create(random)
  try {
    await target.check(input, random)
  } catch (error) {
    const again = `npm run fuzz -- --target "${target.name}" --seed ${seed} --count 1`
    throw new Error(`${target.name}: ${JSON.stringify(input)}\n${again}`, { cause: error })
  }
}

/** Seeds from `first` on. */
export async function tryInputs(target: Target, first: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await tryInput(target, first + i)
  }
}
