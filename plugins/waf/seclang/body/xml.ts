// An XML body as values: the text of every element, every attribute. One pass over the bytes, no recursion.
// Stricter than an application's parser where that one could see something else: no internal subset (so no entities
// of the client's own), no encoding that ASCII is no part of, no attribute twice. A refusal is an error, never silence.
import type { BodyLimits, XmlBody } from '../types.ts'
import { decodeReferences } from './xml-references.ts'

interface Element {
  readonly name: string
  /** Where its text is gathered in `#texts`. */
  readonly slot: number
}

const utf8Mark = '\xef\xbb\xbf'
const encodings = /^(?:utf-?8|us-ascii|iso-8859-[0-9]{1,2}|windows-125[0-9])$/i
const encodingOf = /\sencoding\s*=\s*["']([^"'<>]{0,40})/

export function parseXml(text: string, limits: BodyLimits): XmlBody {
  const reader = new XmlReader(text, limits)
  const error = reader.read()
  return { texts: reader.texts(), attributes: reader.attributes, error }
}

class XmlReader {
  readonly attributes: string[] = []
  readonly #text: string
  readonly #limits: BodyLimits
  readonly #texts: string[] = []
  readonly #open: Element[] = []
  readonly #name = /[A-Za-z_:\x80-\xff][-.\w:\x80-\xff]*/y
  readonly #space = /[ \t\r\n]*/y
  #at: number
  #rootSeen = false
  #error: string | null = null

  constructor(text: string, limits: BodyLimits) {
    this.#text = text
    this.#limits = limits
    this.#at = text.startsWith(utf8Mark) ? utf8Mark.length : 0
  }

  texts(): string[] {
    return this.#texts.filter((text) => /[^ \t\r\n]/.test(text))
  }

  /** Returns why the text is no XML that we take; null when it is. */
  read(): string | null {
    while (this.#at < this.#text.length && this.#error === null) {
      const next = this.#text.indexOf('<', this.#at)
      this.#readText(next < 0 ? this.#text.length : next)
      if (next >= 0 && this.#error === null) this.#readMarkup()
    }
    if (this.#open.length > 0) this.#fail('an element is not closed')
    else if (!this.#rootSeen) this.#fail('there is no element')
    return this.#error
  }

  #readText(end: number): void {
    if (end === this.#at) return
    const decoded = decodeReferences(this.#text.slice(this.#at, end))
    if (decoded === null) this.#fail('a reference is not known')
    else this.#gather(decoded)
    this.#at = end
  }

  /** Text of one element is one value, however comments, sections and other elements split it. */
  #gather(text: string): void {
    const element = this.#open[this.#open.length - 1]
    if (element !== undefined) this.#texts[element.slot] += text
    else if (/[^ \t\r\n]/.test(text)) this.#fail('text stands outside of the root element')
  }

  /** At a `<`. */
  #readMarkup(): void {
    if (this.#follows('</')) return this.#close()
    if (this.#follows('<!--')) return this.#skipTo('-->', 4)
    if (this.#follows('<?')) return this.#readInstruction()
    if (this.#follows('<![CDATA[')) return this.#readSection()
    if (this.#follows('<!')) return this.#readDoctype()
    this.#openElement()
  }

  #readInstruction(): void {
    const from = this.#at
    this.#skipTo('?>', 2)
    if (!this.#text.startsWith('<?xml', from)) return
    const encoding = encodingOf.exec(this.#text.slice(from, this.#at))?.[1]
    if (encoding !== undefined && !encodings.test(encoding)) this.#fail('its encoding is not taken')
  }

  #readSection(): void {
    const from = this.#at + 9
    this.#skipTo(']]>', 9)
    if (this.#error === null) this.#gather(this.#text.slice(from, this.#at - 3))
  }

  #readDoctype(): void {
    const end = this.#text.indexOf('>', this.#at)
    const declaration = this.#text.slice(this.#at, end < 0 ? this.#text.length : end)
    if (end < 0 || this.#rootSeen || !declaration.startsWith('<!DOCTYPE')) {
      return this.#fail('a declaration is out of place')
    }
    if (declaration.includes('[')) return this.#fail('declarations of the sender are not taken')
    this.#at = end + 1
  }

  #openElement(): void {
    this.#at += 1
    const name = this.#readName()
    if (name === '') return this.#fail('a tag has no name')
    if (this.#open.length === 0 && this.#rootSeen) return this.#fail('there is a second root element')
    if (this.#open.length >= this.#limits.depth)
      return this.#fail(`it is nested deeper than ${this.#limits.depth}`)
    this.#rootSeen = true
    this.#open.push({ name, slot: this.#texts.push('') - 1 })
    this.#readAttributes()
    if (this.#follows('/>')) {
      this.#open.pop()
      this.#at += 2
    } else if (this.#follows('>')) this.#at += 1
    else this.#fail('a tag does not end')
  }

  #readAttributes(): void {
    const names = new Set<string>()
    while (this.#error === null) {
      this.#skipSpace()
      const name = this.#readName()
      if (name === '') return
      this.#readAttribute()
      if (names.has(name)) this.#fail('an attribute is there twice')
      names.add(name)
    }
  }

  #readAttribute(): void {
    this.#skipSpace()
    if (!this.#follows('=')) return this.#fail('an attribute has no value')
    this.#at += 1
    this.#skipSpace()
    const quote = this.#text[this.#at]
    const end = quote === '"' || quote === "'" ? this.#text.indexOf(quote, this.#at + 1) : -1
    if (end < 0) return this.#fail('an attribute is not quoted')
    const raw = this.#text.slice(this.#at + 1, end)
    const value = decodeReferences(raw)
    this.#at = end + 1
    if (this.attributes.length + this.#texts.length > this.#limits.args)
      return this.#fail(`more than ${this.#limits.args} values`)
    this.attributes.push(value ?? raw)
    if (value === null || raw.includes('<')) this.#fail('a value of an attribute is not well formed')
  }

  #close(): void {
    this.#at += 2
    const name = this.#readName()
    this.#skipSpace()
    if (!this.#follows('>') || this.#open.pop()?.name !== name)
      return this.#fail('a closing tag fits no element')
    this.#at += 1
    if (this.attributes.length + this.#texts.length > this.#limits.args)
      this.#fail(`more than ${this.#limits.args} values`)
  }

  #follows(markup: string): boolean {
    return this.#text.startsWith(markup, this.#at)
  }

  #skipTo(end: string, opening: number): void {
    const found = this.#text.indexOf(end, this.#at + opening)
    if (found < 0) return this.#fail(`${end} is missing`)
    this.#at = found + end.length
  }

  #readName(): string {
    this.#name.lastIndex = this.#at
    const name = this.#name.exec(this.#text)?.[0] ?? ''
    this.#at += name.length
    return name
  }

  #skipSpace(): void {
    this.#space.lastIndex = this.#at
    this.#at += this.#space.exec(this.#text)?.[0].length ?? 0
  }

  #fail(reason: string): void {
    this.#error ??= `XML: ${reason} (byte ${this.#at})`
  }
}
