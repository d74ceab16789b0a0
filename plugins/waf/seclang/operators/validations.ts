// Operators that match what is not as it should be: byte ranges and encodings.
import { isUtf8 } from 'node:buffer'

/** The bytes that `@validateByteRange 10,13,32-126` does not allow, 1 for each. */
export function bytesOutside(ranges: string): Uint8Array {
  const outside = new Uint8Array(256).fill(1)
  for (const range of ranges.split(',')) {
    const found = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(range)
    const from = Number(found?.[1])
    const to = Number(found?.[2] ?? from)
    if (found === null || from > to || to > 255)
      throw new Error(`"${range.trim()}" is no byte (0 to 255) and no range of bytes (32-126)`)
    outside.fill(0, from, to + 1)
  }
  return outside
}

export function holdsByteOf(value: string, mask: Uint8Array): boolean {
  for (let at = 0; at < value.length; at++) if (mask[value.charCodeAt(at) & 255] === 1) return true
  return false
}

/** A percent sign without its two hexadecimal digits. */
export function hasBrokenPercent(value: string): boolean {
  return /%(?![0-9a-fA-F]{2})/.test(value)
}

/** Overlong forms, surrogates and codes past U+10FFFF are no UTF-8. */
export function hasBrokenUtf8(value: string): boolean {
  return /[\x80-\xff]/.test(value) && !isUtf8(Buffer.from(value, 'latin1'))
}
