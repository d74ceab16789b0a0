// Texts that come again with nearly every request, kept with all that was found out about them: names of arguments, headers
// and cookies, and values of headers that say nothing about a person. Bounded; one for each plan and worker.

import { Text } from './text.ts'

/** Two generations of this many texts. */
const generationSize = 2048
const longestText = 160

/** Values of these are worth keeping and are no secrets. */
const keptHeaders: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-type',
  'dnt',
  'host',
  'origin',
  'pragma',
  'te',
  'upgrade-insecure-requests',
  'user-agent',
])

export class TextCache {
  #young = new Map<string, Text>()
  #old = new Map<string, Text>()

  /** The text of `value`; the same one as before where it is still known. */
  of(value: string): Text {
    if (value.length > longestText) return new Text(value)
    const known = this.#young.get(value)
    if (known !== undefined) return known
    const text = this.#old.get(value) ?? new Text(value, true)
    if (this.#young.size >= generationSize) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(value, text)
    return text
  }

  /** `name` is in lower case. */
  ofHeader(name: string, value: string): Text {
    return keptHeaders.has(name) || name.startsWith('sec-') ? this.of(value) : new Text(value)
  }
}
