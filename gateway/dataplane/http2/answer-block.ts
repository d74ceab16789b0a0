// Heads of answers as header blocks (RFC 9113 section 8.3.2). Worker thread; one per connection, used by stream.ts. Values
// are checked where they come in: by the parsers, or by exchange.ts for what plugins say.

import { findHeader } from '../headers.ts'
import { toDate } from '../http1/answer-head.ts'
import { type HpackEncoder, noTable } from './hpack-encoder.ts'

/** Section 8.2.2; a plugin may have said one of them. */
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])

export class AnswerBlocks {
  readonly #encoder: HpackEncoder
  #begun = false

  /** The encoder has no state between two blocks: one is enough for all connections. */
  constructor(encoder: HpackEncoder) {
    this.#encoder = encoder
  }

  /** The length that the head announces, -1 for none. Throws on what is no status of an answer. */
  check(status: number, headers: readonly string[]): number {
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new RangeError(`${status} is no status of a response`)
    const at = findHeader(headers, 'content-length')
    return at < 0 ? -1 : Number(headers[at + 1])
  }

  /** Valid until the next one is made. Date is added where the upstream said none (RFC 9110 section 6.6.1). */
  final(status: number, headers: readonly string[]): Buffer {
    this.#begin(status, headers)
    if (findHeader(headers, 'date') < 0) this.#encoder.field('date', toDate().value)
    return this.#encoder.end()
  }

  interim(status: number, headers: readonly string[]): Buffer {
    this.#begin(status, headers)
    return this.#encoder.end()
  }

  trailers(fields: readonly string[]): Buffer {
    this.#encoder.begin()
    this.#push(fields)
    return this.#encoder.end()
  }

  #begin(status: number, headers: readonly string[]): void {
    this.#encoder.begin()
    if (!this.#begun) this.#encoder.byte(noTable)
    this.#begun = true
    this.#encoder.status(status)
    this.#push(headers)
  }

  #push(fields: readonly string[]): void {
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string
      if (forbidden.has(name.toLowerCase())) continue
      this.#encoder.field(name, fields[i + 1] as string)
    }
  }
}
