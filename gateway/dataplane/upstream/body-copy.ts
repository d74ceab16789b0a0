// The bytes of a request body that goes by, kept for its mirror. Worker thread; filled by request-body.ts.

export class BodyCopy {
  readonly #limitBytes: number
  /** Called once: all of the body, or null when it was too large or never came whole. */
  #done: ((whole: Buffer | null) => void) | null
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(limitBytes: number, done: (whole: Buffer | null) => void) {
    this.#limitBytes = limitBytes
    this.#done = done
  }

  add(bytes: Uint8Array): void {
    if (this.#done === null) return
    this.#bytes += bytes.length
    // A copy: the bytes are somebody else's, and may be a small part of a large block.
    if (this.#bytes <= this.#limitBytes) this.#chunks.push(Buffer.from(bytes))
    else this.drop()
  }

  end(): void {
    this.#settle(Buffer.concat(this.#chunks))
  }

  drop(): void {
    this.#chunks.length = 0
    this.#settle(null)
  }

  #settle(whole: Buffer | null): void {
    const done = this.#done
    this.#done = null
    done?.(whole)
  }
}
