// What placeholders put into a config may be secret: no message shows it, whichever check quotes the value that it became
// a part of. Main thread; used by problems.ts.

/** Shorter ones are parts of words: hiding them would garble the message and tell more than it hides. */
const shortest = 6
/** Messages may shorten a value; so much of its beginning is enough to know it. */
const beginning = 16

/** `texts`: the placeholder by what it put in. */
export function hideTexts(message: string, texts: ReadonlyMap<string, string>): string {
  let shown = message
  for (const [text, placeholder] of texts) {
    if (text.length < shortest) continue
    shown = hide(shown, text, placeholder)
    const quoted = JSON.stringify(text).slice(1, -1)
    if (quoted !== text) shown = hide(shown, quoted, placeholder)
  }
  return shown
}

function hide(message: string, text: string, placeholder: string): string {
  const start = text.slice(0, beginning)
  let out = ''
  let from = 0
  for (let at = message.indexOf(start); at >= 0; at = message.indexOf(start, from)) {
    let length = start.length
    while (length < text.length && message[at + length] === text[length]) length += 1
    out += message.slice(from, at) + placeholder
    from = at + length
  }
  return out + message.slice(from)
}
