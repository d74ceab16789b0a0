// Bit sets of rules that can match a value, and their unions.

/** Shared between values where it can be. */
export class Candidates {
  readonly bits: Int32Array
  /** The union that took it in last: values of one body share few sets, so that most are met again. */
  seenBy = 0

  constructor(bits: Int32Array) {
    this.bits = bits
  }

  isEmpty(): boolean {
    return this.bits.every((word) => word === 0)
  }
}

interface UnionEnv {
  /** No rule at all. */
  readonly none: Candidates
  /** A number that no union had before. */
  nextUnion(): number
}

/** Copies nothing until two different sets meet. */
export class CandidateUnion {
  bits: Int32Array
  #own = false
  readonly #none: Int32Array
  readonly #id: number

  constructor(env: UnionEnv) {
    this.#none = env.none.bits
    this.bits = env.none.bits
    this.#id = env.nextUnion()
  }

  add(more: Candidates): void {
    if (more.seenBy === this.#id) return
    more.seenBy = this.#id
    this.addBits(more.bits)
  }

  addBits(more: Int32Array): void {
    if (more === this.bits || more === this.#none) return
    if (this.bits === this.#none) {
      this.bits = more
      return
    }
    if (!this.#own) {
      this.bits = this.bits.slice()
      this.#own = true
    }
    const { bits } = this
    for (let word = 0; word < more.length; word++)
      bits[word] = (bits[word] as number) | (more[word] as number)
  }
}
