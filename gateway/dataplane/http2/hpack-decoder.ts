// Header blocks of a peer into fields (RFC 7541). Worker thread; one per connection, used by header-block.ts.

import { DynamicTable, staticNames, staticValues } from './hpack-table.ts'
import { decodeHuffman } from './huffman.ts'

/** What we let a peer keep in our memory: the size that stands where SETTINGS say none. */
export const tableBytes = 4096

/** The peer and we no longer have the same table: nothing that follows on the connection can be read. */
export class CompressionFault extends Error {}

/** Called for each field of a block, in order; latin1. */
export type OnField = (name: string, value: string) => void

const statics = staticNames.length

export class HpackDecoder {
  readonly #table = new DynamicTable(tableBytes)
  #block: Buffer = Buffer.alloc(0)
  #at = 0

  /** Throws a CompressionFault. Fields that nobody keeps must be decoded too, so that the tables stay alike. */
  decode(block: Buffer, onField: OnField): void {
    this.#block = block
    this.#at = 0
    let begun = false
    while (this.#at < block.length) {
      const first = block[this.#at] as number
      // Section 4.2: a change of the table's size stands before all fields.
      if ((first & 0xe0) === 0x20) {
        if (begun) throw new CompressionFault('the table changes its size within a header block')
        this.#resize()
      } else {
        begun = true
        this.#readField(first, onField)
      }
    }
    this.#block = Buffer.alloc(0)
  }

  #resize(): void {
    const bytes = this.#readInteger(5)
    if (bytes > tableBytes) throw new CompressionFault('the table is made larger than was allowed')
    this.#table.resize(bytes)
  }

  #readField(first: number, onField: OnField): void {
    if (first >= 0x80) {
      const index = this.#readInteger(7)
      return onField(this.#nameAt(index), this.#valueAt(index))
    }
    const indexed = first >= 0x40
    const nameIndex = this.#readInteger(indexed ? 6 : 4)
    const name = nameIndex === 0 ? this.#readString() : this.#nameAt(nameIndex)
    const value = this.#readString()
    if (indexed) this.#table.add(name, value)
    onField(name, value)
  }

  #nameAt(index: number): string {
    if (index >= 1 && index <= statics) return staticNames[index - 1] as string
    this.#checkIndex(index)
    return this.#table.name(index - statics - 1)
  }

  #valueAt(index: number): string {
    if (index >= 1 && index <= statics) return staticValues[index - 1] as string
    this.#checkIndex(index)
    return this.#table.value(index - statics - 1)
  }

  #checkIndex(index: number): void {
    if (index < 1 || index > statics + this.#table.length)
      throw new CompressionFault('there is an index of no field')
  }

  /** Section 5.1, up to 28 bits: nothing that is valid here needs more. */
  #readInteger(prefixBits: number): number {
    const most = (1 << prefixBits) - 1
    let value = this.#readByte() & most
    if (value < most) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#readByte()
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new CompressionFault('an integer is too large')
  }

  #readString(): string {
    const coded = ((this.#block[this.#at] ?? 0) & 0x80) !== 0
    const length = this.#readInteger(7)
    const from = this.#at
    const to = from + length
    if (to > this.#block.length) throw new CompressionFault('a string ends behind its header block')
    this.#at = to
    if (!coded) return this.#block.toString('latin1', from, to)
    const text = decodeHuffman(this.#block, from, to)
    if (text === null) throw new CompressionFault('a string is not coded as it says')
    return text
  }

  #readByte(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined) throw new CompressionFault('a header block ends within a field')
    this.#at += 1
    return byte
  }
}
