// Encodings of whole bytes: percent, base64, hexadecimal.

/** `+` is a space; a percent sign that no two digits follow stays. */
export function decodeUrl(value: string): string {
  return decodePercent(value.replaceAll('+', ' '), false)
}

/** Also `%uHHHH`, of which the low byte counts; the full-width forms of ASCII become ASCII. */
export function decodeUrlUnicode(value: string): string {
  return decodePercent(value.replaceAll('+', ' '), true)
}

/** A loop over bytes: with a replacement function for each escape, 128 KB of them take ten times as long. */
function decodePercent(value: string, withUnicode: boolean): string {
  if (!value.includes('%')) return value
  const bytes = Buffer.allocUnsafe(value.length)
  let length = 0
  let at = 0
  while (at < value.length) {
    const code = value.charCodeAt(at)
    const isUnicode = withUnicode && code === percent && isUnicodeEscape(value, at)
    const byte = code === percent && !isUnicode ? hexByte(value, at + 1) : -1
    bytes[length++] = isUnicode ? wideByte(value, at + 2) : byte === -1 ? code : byte
    at += isUnicode ? 6 : byte === -1 ? 1 : 3
  }
  return bytes.toString('latin1', 0, length)
}

const percent = 37

function isUnicodeEscape(value: string, at: number): boolean {
  const letter = value.charCodeAt(at + 1) | 32
  return letter === 117 && hexByte(value, at + 2) !== -1 && hexByte(value, at + 4) !== -1
}

/** The byte that the two digits at `at` stand for, or -1. */
function hexByte(value: string, at: number): number {
  const high = hexDigit(value.charCodeAt(at))
  const low = hexDigit(value.charCodeAt(at + 1))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

/** -1 for NaN as well, the code beyond the end. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** U+FF01 to U+FF5E are the wide forms of U+0021 to U+007E. */
function wideByte(value: string, at: number): number {
  const low = hexByte(value, at + 2)
  return hexByte(value, at) === 0xff && low > 0 && low < 0x5f ? low + 0x20 : low
}

/** The byte that four hexadecimal digits stand for. */
export function narrowed(unicode: string): string {
  return String.fromCharCode(wideByte(unicode, 0))
}

export function byteOf(hex: string): string {
  return String.fromCharCode(hex.length === 2 ? hexByte(hex, 0) : Number.parseInt(hex, 16))
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
