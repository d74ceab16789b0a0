// Patterns over the parts of a name: each part is literal or a whole `{name}`, so that a match can only be one. No regular
// expression sees what a certificate says.

/** What the `{name}`s stood for. */
export type Parts = Map<string, string>

const nameForm = /^\{([a-z][A-Za-z0-9]*)\}$/

export class Pattern {
  readonly #separator: string
  /** A literal part, or the name of a free one. */
  readonly #parts: readonly { readonly text: string; readonly free: boolean }[]

  /** Without a separator the whole is one part. */
  constructor(pattern: string, separator: string) {
    this.#separator = separator
    this.#parts = split(pattern, separator).map((part) => {
      const name = nameForm.exec(part)?.[1]
      return { text: name ?? part, free: name !== undefined }
    })
  }

  get names(): string[] {
    return this.#parts.filter(({ free }) => free).map(({ text }) => text)
  }

  /** True for parts with a brace that are no whole `{name}`. */
  get isMalformed(): boolean {
    return this.#parts.some(({ text, free }) => !free && /[{}]/.test(text))
  }

  /** Adds what its names stand for; null: it does not fit. */
  match(value: string): Parts | null {
    const given = split(value, this.#separator)
    if (given.length !== this.#parts.length) return null
    const found: Parts = new Map()
    for (const [i, { text, free }] of this.#parts.entries()) {
      const part = given[i] as string
      if (free ? part === '' : part !== text) return null
      if (free) found.set(text, part)
    }
    return found
  }
}

function split(text: string, separator: string): string[] {
  return separator === '' ? [text] : text.split(separator)
}

const placeholder = /\{([A-Za-z0-9]+)\}/g

export function namesIn(template: string): string[] {
  return [...template.matchAll(placeholder)].map(([, name]) => name as string)
}

/** In one pass: what is put in is not read again. */
export function fillIn(template: string, parts: Parts): string {
  return template.replaceAll(placeholder, (whole, name: string) => parts.get(name) ?? whole)
}
