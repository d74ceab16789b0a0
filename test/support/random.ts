// Random choices that a seed repeats (mulberry32).

export interface Random {
  /** From 0 to below `bound`. */
  int(bound: number): number
  pick<T>(list: readonly T[]): T
  chance(share: number): boolean
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    int: (bound) => Math.floor(next() * bound),
    pick: (list) => list[Math.floor(next() * list.length)] as never,
    chance: (share) => next() < share,
  }
}

/** AEGIS_TEST_SEED repeats a run. */
export function readSeed(): number {
  const given = process.env.AEGIS_TEST_SEED
  return given === undefined ? Date.now() % 1_000_000_007 : Number(given)
}
