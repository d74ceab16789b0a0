// The CN of a subject in the form of RFC 4514. Worker thread.

/** '' unless there is exactly one: of several, nobody can say which one the issuer vouched for. */
export function readCn(subject: string): string {
  const names = attributesOf(subject)
    .filter(([type]) => type === 'CN')
    .map(([, value]) => value)
  return names.length === 1 ? (names[0] as string) : ''
}

/** Type and value of each attribute; a comma or plus that is part of a value is escaped. */
function attributesOf(subject: string): [type: string, value: string][] {
  return splitUnescaped(subject).map((attribute) => {
    const equals = attribute.indexOf('=')
    return [attribute.slice(0, equals).trim(), unescapeValue(attribute.slice(equals + 1))]
  })
}

function splitUnescaped(text: string): string[] {
  const parts: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at += 1
    else if (character === ',' || character === '+') {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

/** `\,` is a comma, `\C3` a byte of UTF-8. */
function unescapeValue(value: string): string {
  if (!value.includes('\\')) return value
  const bytes: Buffer[] = []
  for (let at = 0; at < value.length; at++) {
    const hex = value[at] === '\\' ? /^[0-9A-Fa-f]{2}/.exec(value.slice(at + 1, at + 3))?.[0] : undefined
    if (hex !== undefined) {
      bytes.push(Buffer.from(hex, 'hex'))
      at += 2
    } else {
      if (value[at] === '\\') at += 1
      bytes.push(Buffer.from(value[at] ?? ''))
    }
  }
  return Buffer.concat(bytes).toString()
}
