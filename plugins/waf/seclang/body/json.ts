// A JSON body as arguments: `json.user.roles.0`. RFC 8259 to the letter, one pass over the bytes, no recursion.
// Every member is reported where it stands: repeated keys, empty objects and keys of empty objects too, since what
// an application makes of them is not known here.
import type { BodyLimits, JsonBody, Pair } from '../types.ts'
import { readJsonString } from './json-string.ts'

interface Frame {
  /** Name of the object or array. */
  readonly path: string
  /** Index of the next element; -1 in an object. */
  index: number
  empty: boolean
}

/** Names may be this much longer than the body itself: deep paths over many small values cost no more than that. */
const nameBytesPerByte = 8
const nameBytesAtLeast = 65_536

const utf8Mark = '\xef\xbb\xbf'

export function parseJson(text: string, limits: BodyLimits): JsonBody {
  if (text === '') return { args: [], error: null }
  const reader = new JsonReader(text, limits)
  return { args: reader.args, error: reader.read() }
}

class JsonReader {
  readonly args: Pair[] = []
  readonly #text: string
  readonly #limits: BodyLimits
  readonly #frames: Frame[] = []
  readonly #scalar = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y
  #at: number
  #nameBytes: number
  #error: string | null = null

  constructor(text: string, limits: BodyLimits) {
    this.#text = text
    this.#limits = limits
    this.#at = text.startsWith(utf8Mark) ? utf8Mark.length : 0
    this.#nameBytes = nameBytesAtLeast + text.length * nameBytesPerByte
  }

  /** Returns why the text is no JSON; null when it is. */
  read(): string | null {
    this.#readValue('json')
    while (this.#frames.length > 0 && this.#error === null) this.#readMember()
    this.#skipSpace()
    if (this.#error === null && this.#at < this.#text.length) this.#fail('something stands behind the value')
    return this.#error
  }

  /** One more member of the innermost object or array, or its end. */
  #readMember(): void {
    const frame = this.#frames[this.#frames.length - 1] as Frame
    this.#skipSpace()
    const close = frame.index < 0 ? 0x7d : 0x5d
    const code = this.#text.charCodeAt(this.#at)
    if (code === close) return this.#leave(frame)
    if (!frame.empty) {
      if (code !== 0x2c) return this.#fail('a comma or the end of an object or array is missing')
      this.#at += 1
      this.#skipSpace()
    }
    frame.empty = false
    if (frame.index >= 0) return this.#readValue(`${frame.path}.${frame.index++}`)
    const key = this.#readString()
    if (key === null) return this.#fail('a name is no string')
    this.#skipSpace()
    if (this.#text.charCodeAt(this.#at) !== 0x3a) return this.#fail('a colon is missing')
    this.#at += 1
    this.#readValue(`${frame.path}.${key}`)
  }

  #readValue(path: string): void {
    this.#skipSpace()
    const code = this.#text.charCodeAt(this.#at)
    if (code === 0x7b || code === 0x5b) return this.#enter(path, code === 0x5b)
    if (code === 0x22) {
      const value = this.#readString()
      return value === null ? this.#fail('a string is not well formed') : this.#report(path, value)
    }
    this.#scalar.lastIndex = this.#at
    const match = this.#scalar.exec(this.#text)
    if (match === null) return this.#fail('a value is none')
    this.#at = this.#scalar.lastIndex
    this.#report(path, match[0] === 'null' ? '' : match[0])
  }

  #enter(path: string, isArray: boolean): void {
    if (this.#frames.length >= this.#limits.depth) {
      return this.#fail(`it is nested deeper than ${this.#limits.depth}`)
    }
    this.#at += 1
    this.#frames.push({ path, index: isArray ? 0 : -1, empty: true })
  }

  #leave(frame: Frame): void {
    this.#at += 1
    this.#frames.pop()
    // Its name was sent, and would not be seen otherwise.
    if (frame.empty) this.#report(frame.path, '')
  }

  #report(name: string, value: string): void {
    this.#nameBytes -= name.length
    if (this.args.length >= this.#limits.args) return this.#fail(`more than ${this.#limits.args} arguments`)
    if (this.#nameBytes < 0) return this.#fail('its names are too long')
    this.args.push([name, value])
  }

  #readString(): string | null {
    const string = readJsonString(this.#text, this.#at)
    if (string === null) return null
    this.#at = string.end
    return string.value
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }

  #fail(reason: string): void {
    this.#error ??= `JSON: ${reason} (byte ${this.#at})`
  }
}
