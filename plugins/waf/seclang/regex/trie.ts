// The trie under the literal automaton: literals as paths of byte classes, ASCII case ignored. Flat arrays: a rule set
// has tens of thousands of states, and an object for each would cost more time and memory than all the rest.

export interface Trie {
  /** Class of each byte; 0 for bytes of no literal. */
  readonly classOf: Uint8Array
  readonly classCount: number
  /** States; 0 is the root. */
  readonly size: number
  /** The class that leads from its parent to each state. */
  readonly classInto: Uint8Array
  readonly parent: Int32Array
  /** Children of a state: the first one, then along the siblings; 0 ends both. */
  readonly firstChild: Int32Array
  readonly nextSibling: Int32Array
  readonly childCount: Uint8Array
  /** The first literal that ends in each state, or -1. */
  readonly literalAt: Int32Array
  /** Another literal of the same text, or -1. */
  readonly nextSame: Int32Array
  /** Literals without a byte, which occur everywhere. */
  readonly empty: readonly number[]
}

export function buildTrie(literals: readonly string[]): Trie {
  const { classOf, classCount } = classesOf(literals)
  const most = literals.reduce((sum, literal) => sum + literal.length, 1)
  const trie = {
    classOf,
    classCount,
    size: 1,
    classInto: new Uint8Array(most),
    parent: new Int32Array(most),
    firstChild: new Int32Array(most),
    nextSibling: new Int32Array(most),
    childCount: new Uint8Array(most),
    literalAt: new Int32Array(most).fill(-1),
    nextSame: new Int32Array(literals.length).fill(-1),
    empty: [] as number[],
  }
  literals.forEach((literal, index) => {
    let state = 0
    for (let at = 0; at < literal.length; at++) {
      const way = classOf[literal.charCodeAt(at) & 255] as number
      state = childOf(trie, state, way) || addChild(trie, state, way)
    }
    if (state === 0) trie.empty.push(index)
    trie.nextSame[index] = trie.literalAt[state] as number
    trie.literalAt[state] = index
  })
  return trie
}

/** 0 when there is none. */
export function childOf(trie: Trie, state: number, way: number): number {
  let child = trie.firstChild[state] as number
  while (child !== 0 && trie.classInto[child] !== way) child = trie.nextSibling[child] as number
  return child
}

type Growing = { -readonly [K in keyof Trie]: Trie[K] }

function addChild(trie: Growing, state: number, way: number): number {
  const child = trie.size
  trie.size++
  trie.classInto[child] = way
  trie.parent[child] = state
  trie.nextSibling[child] = trie.firstChild[state] as number
  trie.firstChild[state] = child
  trie.childCount[state] = (trie.childCount[state] as number) + 1
  return child
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
