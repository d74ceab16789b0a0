// The collections that rules write (TX, IP, GLOBAL, ...). Names that rules spell out have a slot, so that the many rules
// that read TX:detection_paranoia_level cost an array index each; names made by macros live in a map beside.

/** Numbers the names of one collection over a whole rule set. Filled at load, read-only afterwards. */
export class NameTable {
  readonly #slots = new Map<string, number>()
  readonly #names: string[] = []

  /** Case does not count. */
  slotOf(name: string): number {
    const folded = name.toLowerCase()
    const known = this.#slots.get(folded)
    if (known !== undefined) return known
    this.#slots.set(folded, this.#names.length)
    this.#names.push(folded)
    return this.#names.length - 1
  }

  find(folded: string): number | undefined {
    return this.#slots.get(folded)
  }

  get names(): readonly string[] {
    return this.#names
  }
}

/** One transaction's values of one collection. */
export class Store {
  readonly #table: NameTable
  readonly #slots: (string | undefined)[]
  #others: Map<string, string> | null = null

  constructor(table: NameTable) {
    this.#table = table
    this.#slots = new Array(table.names.length)
  }

  at(slot: number): string | undefined {
    return this.#slots[slot]
  }

  setAt(slot: number, value: string | undefined): void {
    this.#slots[slot] = value
  }

  get(name: string): string | undefined {
    const folded = name.toLowerCase()
    const slot = this.#table.find(folded)
    return slot === undefined ? this.#others?.get(folded) : this.#slots[slot]
  }

  set(name: string, value: string | undefined): void {
    const folded = name.toLowerCase()
    const slot = this.#table.find(folded)
    if (slot !== undefined) this.#slots[slot] = value
    else if (value === undefined) this.#others?.delete(folded)
    else {
      this.#others ??= new Map()
      this.#others.set(folded, value)
    }
  }

  /** All names that have a value. */
  each(visit: (name: string, value: string) => void): void {
    const { names } = this.#table
    for (let slot = 0; slot < names.length; slot++) {
      const value = this.#slots[slot]
      if (value !== undefined) visit(names[slot] as string, value)
    }
    this.eachOther(visit)
  }

  /** Those without a slot. */
  eachOther(visit: (name: string, value: string) => void): void {
    if (this.#others !== null) for (const [name, value] of this.#others) visit(name, value)
  }

  nameAt(slot: number): string {
    return this.#table.names[slot] as string
  }
}
