// Encodings of whole bytes: percent, base64, hexadecimal.

/** `+` is a space; a percent sign that no two digits follow stays. */
export function decodeUrl(value: string): string {
  if (!/[%+]/.test(value)) return value
  return value.replace(/\+|%([0-9a-fA-F]{2})/g, (_, hex?: string) => (hex === undefined ? ' ' : byteOf(hex)))
}

/** Also `%uHHHH`, of which the low byte counts; the full-width forms of ASCII become ASCII. */
export function decodeUrlUnicode(value: string): string {
  if (!/[%+]/.test(value)) return value
  return value.replace(
    /\+|%(?:[uU]([0-9a-fA-F]{4})|([0-9a-fA-F]{2}))/g,
    (_, unicode: string | undefined, hex: string | undefined) => {
      if (unicode !== undefined) return narrowed(unicode)
      return hex === undefined ? ' ' : byteOf(hex)
    },
  )
}

/** The byte that four hexadecimal digits stand for: U+FF01 to U+FF5E are the wide forms of U+0021 to U+007E. */
export function narrowed(unicode: string): string {
  const low = Number.parseInt(unicode.slice(2), 16)
  const isWide = low > 0 && low < 0x5f && /^ff/i.test(unicode)
  return String.fromCharCode(isWide ? low + 0x20 : low)
}

export function byteOf(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}

/** Everything but letters, digits and `*`; a space is `+`. */
export function encodeUrl(value: string): string {
  if (!/[^*0-9A-Za-z]/.test(value)) return value
  return value.replace(/[^*0-9A-Za-z]/g, (char) =>
    char === ' ' ? '+' : `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** Up to the first byte that is no base64; line ends may stand between. */
export function decodeBase64(value: string): string {
  const encoded = /^[A-Za-z0-9+/\r\n]*/.exec(value)?.[0] ?? ''
  return Buffer.from(encoded, 'base64').toString('latin1')
}

/** Whatever is no base64 is passed over. */
export function decodeBase64Leniently(value: string): string {
  return Buffer.from(value.replace(/[^A-Za-z0-9+/]+/g, ''), 'base64').toString('latin1')
}

/** Pair by pair; what are no digits count by their codes, as in ModSecurity. */
export function decodeHex(value: string): string {
  const bytes = Buffer.alloc(value.length >> 1)
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = digitOf(value.charCodeAt(2 * at)) * 16 + digitOf(value.charCodeAt(2 * at + 1))
  }
  return bytes.toString('latin1')
}

function digitOf(code: number): number {
  return code >= 65 ? (code & 0xdf) - 65 + 10 : code - 48
}

/** `0x414243` as SQL writes strings. */
export function decodeSqlHex(value: string): string {
  if (!/0x/i.test(value)) return value
  return value.replace(/0[xX]((?:[0-9a-fA-F]{2})+)/g, (_, hex: string) =>
    Buffer.from(hex, 'hex').toString('latin1'),
  )
}
