// The trie under the literal automaton: literals as paths of byte classes, ASCII case ignored.

export interface Trie {
  /** Class of each byte; 0 for bytes of no literal. */
  readonly classOf: Uint8Array
  readonly classCount: number
  /** Ways on from each state; state 0 is the root. */
  readonly children: readonly ReadonlyMap<number, number>[]
  /** The first literal that ends in each state, or -1. */
  readonly literalAt: readonly number[]
  /** Another literal of the same text, or -1. */
  readonly nextSame: Int32Array
  /** Literals without a byte, which occur everywhere. */
  readonly empty: readonly number[]
}

export function buildTrie(literals: readonly string[]): Trie {
  const { classOf, classCount } = classesOf(literals)
  const children: Map<number, number>[] = [new Map()]
  const endOf = literals.map((literal) => insert(children, classOf, literal))
  const literalAt = children.map(() => -1)
  const nextSame = new Int32Array(literals.length).fill(-1)
  const empty: number[] = []
  for (const [index, state] of endOf.entries()) {
    if (state === 0) empty.push(index)
    else {
      nextSame[index] = literalAt[state] as number
      literalAt[state] = index
    }
  }
  return { classOf, classCount, children, literalAt, nextSame, empty }
}

/** The state in which `literal` ends. */
function insert(children: Map<number, number>[], classOf: Uint8Array, literal: string): number {
  let state = 0
  for (let at = 0; at < literal.length; at++) {
    const ways = children[state] as Map<number, number>
    const way = classOf[literal.charCodeAt(at) & 255] as number
    state = ways.get(way) ?? children.push(new Map()) - 1
    ways.set(way, state)
  }
  return state
}

function classesOf(literals: readonly string[]): { classOf: Uint8Array; classCount: number } {
  const classOf = new Uint8Array(256)
  let classCount = 1
  for (const literal of literals) {
    for (let at = 0; at < literal.length; at++) {
      const byte = lower(literal.charCodeAt(at) & 255)
      if (classOf[byte] === 0) classOf[byte] = classCount++
    }
  }
  for (let upper = 65; upper <= 90; upper++) classOf[upper] = classOf[upper + 32] as number
  return { classOf, classCount }
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte
}
