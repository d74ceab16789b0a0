// Case, white space and NULs. Letters and white space are those of ASCII: the values are bytes, not text.

export function lowerCase(value: string): string {
  if (!/[A-Z]/.test(value)) return value
  if (!/[\x80-\xff]/.test(value)) return value.toLowerCase()
  return value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

export function upperCase(value: string): string {
  if (!/[a-z]/.test(value)) return value
  if (!/[\x80-\xff]/.test(value)) return value.toUpperCase()
  return value.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

export function compressWhitespace(value: string): string {
  return /[\t-\r]| {2}/.test(value) ? value.replace(/[\t-\r ]+/g, ' ') : value
}

/** Also the no-break space, in latin1 or as the two bytes of UTF-8. */
export function removeWhitespace(value: string): string {
  return /[\t-\r \xa0\xc2]/.test(value) ? value.replace(/[\t-\r \xa0\xc2]+/g, '') : value
}

export function removeNulls(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', '') : value
}

export function replaceNulls(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', ' ') : value
}

export function trim(value: string): string {
  return trimLeft(trimRight(value))
}

export function trimLeft(value: string): string {
  let start = 0
  while (isSpace(value.charCodeAt(start))) start++
  return start === 0 ? value : value.slice(start)
}

/** A loop: a regular expression that ends in `$` would try every run of spaces. */
export function trimRight(value: string): string {
  let end = value.length
  while (end > 0 && isSpace(value.charCodeAt(end - 1))) end--
  return end === value.length ? value : value.slice(0, end)
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13)
}

/** What shells ignore or take for one another: quotes, carets and backslashes go, separators become one space. */
export function commandLine(value: string): string {
  if (!/["'\\^,;\t\r\nA-Z]| [ /(]/.test(value)) return value
  const plain = value.replace(/["'\\^]+/g, '').replace(/[ ,;\t\r\n]+/g, ' ')
  return lowerCase(plain.replace(/ (?=[/(])/g, ''))
}
