// JSON objects of tokens, read so that no other reader can understand them differently (RFC 8725 section 2.6,
// RFC 7519 section 4: no duplicate names). Worker thread; called by verify.ts.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes of an unpadded, canonical base64url text; null when it is anything else (RFC 7515 section 2). */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  // Writing it again finds foreign characters, padding and stray bits in the last character alike.
  return bytes.toString('base64url') === text ? bytes : null
}

/** null: not UTF-8, not JSON, not an object, or an object anywhere in it repeats a name. */
export function parseStrictObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return repeatsName(text) ? null : (value as Record<string, unknown>)
  } catch {
    return null
  }
}

/** `text` is valid JSON. */
function repeatsName(text: string): boolean {
  const open: (Set<string> | null)[] = []
  let expectsName = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(null)
    else if (char === '}' || char === ']') open.pop()
    if (char === '{' || char === ',') expectsName = true
    if (char !== '"') continue
    const end = endOfString(text, at)
    const names = open.at(-1)
    if (names && expectsName) {
      const name = JSON.parse(text.slice(at, end + 1)) as string
      if (names.has(name)) return true
      names.add(name)
    }
    expectsName = false
    at = end
  }
  return false
}

/** Index of the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end
}
