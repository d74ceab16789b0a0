// UTF-8 to the `%uHHHH` of IIS, which `t:urlDecodeUni` and rules understand.

/** Characters of two to four bytes; what is no UTF-8 stays as it is. */
export function utf8ToUnicode(value: string): string {
  if (!/[\xc0-\xf4]/.test(value)) return value
  return value.replace(
    /[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g,
    (bytes) => {
      const code = codeOf(bytes)
      const escaped = `%u${code.toString(16).padStart(4, '0')}`
      return isForbidden(code, bytes.length) ? escaped + bytes.charAt(0) : escaped
    },
  )
}

/** The bits of the bytes, whether or not the form is the shortest. */
function codeOf(bytes: string): number {
  let code = bytes.charCodeAt(0) & (0xff >> (bytes.length + 1))
  for (let at = 1; at < bytes.length; at++) code = (code << 6) | (bytes.charCodeAt(at) & 0x3f)
  return code
}

/** Surrogates and overlong forms: ModSecurity leaves their first byte behind them, and rules look for it. */
function isForbidden(code: number, length: number): boolean {
  if (code >= 0xd800 && code <= 0xdfff) return true
  return (length === 2 && code < 0x80) || (length === 3 && code < 0x800) || (length === 4 && code < 0x10000)
}
