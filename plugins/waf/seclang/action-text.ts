// The last word of a SecRule, `id:1,phase:2,msg:'a, b'`, in names and values.

export interface ActionText {
  /** In lower case. */
  readonly name: string
  readonly value: string | null
}

/** Values may be in single quotes, in which \' stands for a quote. Throws an error that names the place. */
export function splitActions(text: string): ActionText[] {
  const actions: ActionText[] = []
  let at = 0
  while (at < text.length) {
    const end = actionEnd(text, at)
    const part = text.slice(at, end).trim()
    if (part !== '') actions.push(toAction(part))
    at = end + 1
  }
  return actions
}

function actionEnd(text: string, start: number): number {
  let quoted = false
  let at = start
  for (; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === "'") quoted = !quoted
    else if (text[at] === ',' && !quoted) break
  }
  if (quoted)
    throw new Error(`a quote is not closed in the actions at "${text.slice(start).trim().slice(0, 60)}"`)
  return Math.min(at, text.length)
}

function toAction(part: string): ActionText {
  const colon = part.indexOf(':')
  if (colon === -1) return { name: part.toLowerCase(), value: null }
  return { name: part.slice(0, colon).trim().toLowerCase(), value: unquoted(part.slice(colon + 1).trim()) }
}

function unquoted(value: string): string {
  const quoted = value.length > 1 && value.startsWith("'") && value.endsWith("'")
  return quoted ? value.slice(1, -1).replaceAll("\\'", "'") : value
}
