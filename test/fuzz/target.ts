// What is fuzzed: a target makes an input out of random choices, and throws when a promise is broken on it.
import type { Random } from '../support/random.ts'

export interface Target {
  readonly name: string
  /** Its inputs in one round of the fuzzer: the cheaper one is, the more. */
  readonly share: number
  /** Bytes as latin1, or text. */
  create(random: Random): string
  /** The same input and the same choices always end alike. */
  check(input: string, random: Random): void | Promise<void>
  /** Before the first input. */
  start?(): Promise<void>
  close?(): Promise<void>
}
