// Seeded noise for the fuzz tests: the same inputs on every run.

export interface Random {
  /** 0 to below - 1. */
  next(below: number): number
}

/** Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed
  return {
    next(below) {
      state = (state + 0x6d2b79f5) | 0
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
    },
  }
}

/** Bytes that the tokenisers treat in their own way are more likely than others. */
const telling = '\'"`\\/*-#;(){}[]<>=!&|@$%:,.?~^+ \t\n\0\xa0xXbBeEnNqQuU019'

export function randomInput(random: Random, longest: number): string {
  let input = ''
  for (let left = random.next(longest); left > 0; left--)
    input +=
      random.next(3) > 0 ? telling.charAt(random.next(telling.length)) : String.fromCharCode(random.next(256))
  return input
}

/** One of the values with a few characters changed, doubled, left out, or replaced by a piece of another value. */
export function mutated(random: Random, values: readonly string[]): string {
  let value = values[random.next(values.length)] as string
  for (let change = random.next(4); change >= 0; change--) {
    const at = random.next(value.length + 1)
    const other = values[random.next(values.length)] as string
    const pieces = ['', randomInput(random, 3), other.slice(random.next(other.length)), value.slice(at)]
    value = value.slice(0, at) + pieces[random.next(pieces.length)] + value.slice(at + random.next(3))
  }
  return value.slice(0, 2000)
}
