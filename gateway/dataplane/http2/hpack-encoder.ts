// Fields of our answers as a header block (RFC 7541). Worker thread; used by answer-block.ts.
// The dynamic table stays empty: no state to keep per connection, nothing to guess by the size of an answer (CRIME), and
// a peer can ask for no work by changing its table. Names and the usual statuses are in the static table.
import { staticNames, staticValues } from './hpack-table.ts'

/** Says that our table has no bytes, whatever the peer allows; begins the first block of a connection (section 4.2). */
export const noTable = 0x20

const literal = 0x00
/** Nobody between us and the client may index it either (section 7.1.3). */
const neverIndexed = 0x10
const sensitive: ReadonlySet<string> = new Set(['set-cookie'])

const startBytes = 4096

/** How a name begins a field; by its spelling, for names of answers are few. */
const known: ReadonlyMap<string, Buffer> = createKnown()

function createKnown(): Map<string, Buffer> {
  const map = new Map<string, Buffer>()
  for (const [at, name] of staticNames.entries()) {
    if (map.has(name)) continue
    const prefix = indexPrefix(at + 1, sensitive.has(name) ? neverIndexed : literal)
    map.set(name, prefix)
    map.set(
      name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase()),
      prefix,
    )
  }
  return map
}

function indexPrefix(index: number, pattern: number): Buffer {
  return index < 15 ? Buffer.from([pattern | index]) : Buffer.from([pattern | 15, index - 15])
}

const statuses: ReadonlyMap<number, number> = new Map(
  staticNames.flatMap((name, at) =>
    name === ':status' ? [[Number(staticValues[at]), 0x80 | (at + 1)]] : [],
  ),
)

/** Writes one block after the other into the same memory. */
export class HpackEncoder {
  #bytes = Buffer.allocUnsafeSlow(startBytes)
  #length = 0

  begin(): void {
    this.#length = 0
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  status(status: number): void {
    const index = statuses.get(status)
    if (index === undefined) this.field(':status', String(status))
    else this.byte(index)
  }

  /** The name in any case; both latin1. */
  field(name: string, value: string): void {
    this.#reserve(name.length + value.length + 16)
    const prefix = known.get(name)
    if (prefix === undefined) {
      this.#bytes[this.#length++] = literal
      this.#string(name.toLowerCase())
    } else {
      for (const byte of prefix) this.#bytes[this.#length++] = byte
    }
    this.#string(value)
  }

  /** Valid until the next block begins. */
  end(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #string(text: string): void {
    let left = text.length
    if (left < 127) this.#bytes[this.#length++] = left
    else {
      this.#bytes[this.#length++] = 127
      for (left -= 127; left >= 128; left >>>= 7) this.#bytes[this.#length++] = (left & 127) | 128
      this.#bytes[this.#length++] = left
    }
    this.#length += this.#bytes.write(text, this.#length, 'latin1')
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + bytes))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
