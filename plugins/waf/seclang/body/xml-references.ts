// Character and entity references of XML, decoded to bytes.
import { toUtf8 } from './json-string.ts'

const predefined: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
])
/** Longer than any reference that stands for a character; leading zeros are given some room. */
const longest = 32

/** null when one of them is not well formed or not known. */
export function decodeReferences(text: string): string | null {
  let at = text.indexOf('&')
  if (at < 0) return text
  const pieces: string[] = []
  let plainFrom = 0
  for (; at >= 0; at = text.indexOf('&', plainFrom)) {
    const name = nameAt(text, at + 1)
    const value = name === null ? null : decode(name)
    if (name === null || value === null) return null
    pieces.push(text.slice(plainFrom, at), value)
    plainFrom = at + name.length + 2
  }
  pieces.push(text.slice(plainFrom))
  return pieces.join('')
}

/** What stands between `&` and `;`. */
function nameAt(text: string, from: number): string | null {
  const window = text.slice(from, from + longest)
  const end = window.indexOf(';')
  return end < 0 ? null : window.slice(0, end)
}

function decode(name: string): string | null {
  if (!name.startsWith('#')) return predefined.get(name) ?? null
  const digits = /^#x([0-9a-fA-F]+)$/.exec(name)?.[1]
  const point = digits === undefined ? toDecimal(name) : Number.parseInt(digits, 16)
  return point > 0 && point <= 0x10ffff ? toUtf8(point) : null
}

function toDecimal(name: string): number {
  return /^#[0-9]+$/.test(name) ? Number(name.slice(1)) : -1
}
