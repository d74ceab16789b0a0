// HPACK's Huffman code (RFC 7541 section 5.2 and appendix B). Worker thread; used by hpack-decoder.ts.

/** Length in bits of the code of each byte, and of the end of a string. The code is canonical: the lengths say all. */
const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
]

const endOfString = 256
const longestCode = 30
const root = 0
/** No code leads there. */
const dead = -1
const noSymbol = -1

/**
 * Four bits at a time: from each inner node of the code's tree where they lead, and the byte that was complete on the
 * way. No code is shorter than five bits, so that there is at most one.
 */
interface Steps {
  readonly next: Int16Array
  readonly symbol: Int16Array
  /** Nodes at which a string may end: less than a byte of only ones since the last symbol. */
  readonly mayEnd: Uint8Array
}

const steps = createSteps()

function createSteps(): Steps {
  const children = createTree()
  const nodes = children.length / 2
  const next = new Int16Array(nodes * 16).fill(dead)
  const symbol = new Int16Array(nodes * 16).fill(noSymbol)
  for (let node = 0; node < nodes; node++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let at = node
      for (let bit = 3; bit >= 0 && at !== dead; bit--) {
        const child = children[2 * at + ((nibble >> bit) & 1)] as number
        // A leaf is written as the complement of its symbol. The end of a string must not be in it.
        if (child < 0) symbol[16 * node + nibble] = ~child
        at = child >= 0 ? child : ~child === endOfString ? dead : root
      }
      next[16 * node + nibble] = at
    }
  }
  return { next, symbol, mayEnd: findEnds(children) }
}

/** Two entries a node: the child for a 0 and that for a 1; a leaf is the complement of its symbol. */
function createTree(): number[] {
  const children = [0, 0]
  let code = 0
  for (let length = 1; length <= longestCode; length++, code *= 2) {
    for (const [symbol, itsLength] of codeLengths.entries()) {
      if (itsLength !== length) continue
      addLeaf(children, code, length, symbol)
      code += 1
    }
  }
  return children
}

function addLeaf(children: number[], code: number, length: number, symbol: number): void {
  let node = root
  for (let bit = length - 1; bit > 0; bit--) {
    const at = 2 * node + ((code >> bit) & 1)
    if (children[at] === 0) children[at] = children.push(0, 0) / 2 - 1
    node = children[at] as number
  }
  children[2 * node + (code & 1)] = ~symbol
}

function findEnds(children: readonly number[]): Uint8Array {
  const ends = new Uint8Array(children.length / 2)
  let node = root
  for (let ones = 0; ones < 8; ones++) {
    ends[node] = 1
    node = children[2 * node + 1] as number
  }
  return ends
}

/** No code is shorter than five bits. */
const shortestCode = 5
/** Where a string is put together: one that is built up byte by byte keeps 32 bytes for each of them. */
const scratch = Buffer.allocUnsafeSlow(16_384)

/** The bytes from `from` to `to`, decoded, as latin1; null where they are not valid. */
export function decodeHuffman(bytes: Buffer, from: number, to: number): string | null {
  const { next, symbol, mayEnd } = steps
  const most = Math.floor(((to - from) * 8) / shortestCode)
  const text = most > scratch.length ? Buffer.allocUnsafeSlow(most) : scratch
  let length = 0
  let node = root
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = 16 * node + ((byte >> shift) & 15)
      node = next[step] as number
      if (node === dead) return null
      const found = symbol[step] as number
      if (found !== noSymbol) text[length++] = found
    }
  }
  return mayEnd[node] === 1 ? text.toString('latin1', 0, length) : null
}
