// The one rule for every log line, whoever wrote it: printable ASCII on one line.

const beyondAscii = /[^\x20-\x7e]/g

/**
 * Makes a JSON text safe for a terminal and for whatever splits files into lines: a line break, U+0085, U+2028, a
 * terminal's escape character or half a surrogate pair becomes its `\uXXXX`, which is the same JSON.
 */
export function toSafeLine(json: string): string {
  return json.replace(beyondAscii, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
