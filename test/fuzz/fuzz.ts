// The loop of the fuzzer: an input is a target and a seed, so that a failure can be had again from its seed alone.
import { createRandom } from '../support/random.ts'
import { minimise } from './minimise.ts'
import type { Target } from './target.ts'

/** Keeps the choices of a check apart from those that made its input. */
const checkSeed = 0x5eed

/** Throws an error that shows the smallest input that breaks the promise, and how to have it again. */
export async function tryInput(target: Target, seed: number): Promise<void> {
  const input = target.create(createRandom(seed))
  const error = await judge(target, input, seed)
  if (error === null) return
  const smallest = await minimise(input, async (shorter) => (await judge(target, shorter, seed)) !== null)
  const again = `npm run fuzz -- --target "${target.name}" --seed ${seed} --count 1`
  throw new Error(
    `${target.name}, seed ${seed}: ${(await judge(target, smallest, seed))?.message ?? error.message}\n` +
      `smallest input: ${JSON.stringify(smallest)}\nhave it again: ${again}`,
    { cause: error },
  )
}

/** null: no promise is broken on this input. */
export async function judge(target: Target, input: string, seed: number): Promise<Error | null> {
  try {
    await target.check(input, createRandom(seed ^ checkSeed))
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Seeds from `first` on. */
export async function tryInputs(target: Target, first: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await tryInput(target, first + i)
}
