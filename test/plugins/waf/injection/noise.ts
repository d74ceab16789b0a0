// Inputs for the fuzz tests: random bytes of the telling kind, and values of the corpora that were tampered with.
import type { Random } from '../../../support/random.ts'

/** Bytes that the tokenisers treat in their own way are more likely than others. */
const telling = [...'\'"`\\/*-#;(){}[]<>=!&|@$%:,.?~^+ \t\n\0\xa0xXbBeEnNqQuU019']

export function randomInput(random: Random, longest: number): string {
  let input = ''
  for (let left = random.int(longest); left > 0; left--)
    input += random.int(3) > 0 ? random.pick(telling) : String.fromCharCode(random.int(256))
  return input
}

/** One of the values, a few times cut: left out, doubled, or with noise or a piece of another value in it. */
export function mutated(random: Random, values: readonly string[]): string {
  let value = random.pick(values)
  for (let change = random.int(4); change >= 0; change--) {
    const at = random.int(value.length + 1)
    const other = random.pick(values)
    const piece = random.pick([
      '',
      randomInput(random, 3),
      other.slice(random.int(other.length)),
      value.slice(at),
    ])
    value = value.slice(0, at) + piece + value.slice(at + random.int(3))
  }
  return value.slice(0, 2000)
}
