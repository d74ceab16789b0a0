// HPACK's tables of header fields (RFC 7541 section 2.3). Worker thread; used by hpack-decoder.ts and hpack-encoder.ts.

/** Appendix A, from index 1 on: name, then value. */
const staticFields =
  ':authority||:method|GET|:method|POST|:path|/|:path|/index.html|:scheme|http|:scheme|https|:status|200|:status|204|' +
  ':status|206|:status|304|:status|400|:status|404|:status|500|accept-charset||accept-encoding|gzip, deflate|' +
  'accept-language||accept-ranges||accept||access-control-allow-origin||age||allow||authorization||cache-control||' +
  'content-disposition||content-encoding||content-language||content-length||content-location||content-range||' +
  'content-type||cookie||date||etag||expect||expires||from||host||if-match||if-modified-since||if-none-match||' +
  'if-range||if-unmodified-since||last-modified||link||location||max-forwards||proxy-authenticate||' +
  'proxy-authorization||range||referer||refresh||retry-after||server||set-cookie||strict-transport-security||' +
  'transfer-encoding||user-agent||vary||via||www-authenticate|'

const staticParts: readonly string[] = staticFields.split('|')
export const staticNames: readonly string[] = staticParts.filter((_, index) => index % 2 === 0)
export const staticValues: readonly string[] = staticParts.filter((_, index) => index % 2 === 1)

/** What an entry costs besides its bytes (section 4.1). */
const overheadBytes = 32

/** The dynamic table of one direction of one connection; the newest entry has the lowest index. */
export class DynamicTable {
  readonly #names: string[] = []
  readonly #values: string[] = []
  #bytes = 0
  #limitBytes: number

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get length(): number {
    return this.#names.length
  }

  /** `index`: 0 is the newest. */
  name(index: number): string {
    return this.#names[this.#names.length - 1 - index] as string
  }

  value(index: number): string {
    return this.#values[this.#values.length - 1 - index] as string
  }

  /** One that is larger than the table empties it, and is no error (section 4.4). */
  add(name: string, value: string): void {
    this.#bytes += name.length + value.length + overheadBytes
    this.#names.push(name)
    this.#values.push(value)
    this.#evict()
  }

  resize(limitBytes: number): void {
    this.#limitBytes = limitBytes
    this.#evict()
  }

  #evict(): void {
    let gone = 0
    while (this.#bytes > this.#limitBytes) {
      const name = this.#names[gone] as string
      this.#bytes -= name.length + (this.#values[gone] as string).length + overheadBytes
      gone += 1
    }
    if (gone === 0) return
    this.#names.splice(0, gone)
    this.#values.splice(0, gone)
  }
}
