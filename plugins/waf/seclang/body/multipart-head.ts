// The header lines of one part of a multipart body.

export interface PartHead {
  /** Whole header lines, unfolded. */
  readonly lines: readonly string[]
  /** Value of Content-Disposition; null when there is none. */
  readonly disposition: string | null
  /** Where the content begins. */
  readonly end: number
  readonly folded: boolean
  readonly invalidFolding: boolean
  readonly crlf: boolean
  readonly lf: boolean
  readonly error: string | null
}

const longestLine = 4096
const mostLines = 64

export function readPartHead(text: string, from: number, to: number): PartHead {
  const head = { lines: [] as string[], folded: false, invalidFolding: false, crlf: false, lf: false }
  let error: string | null = null
  let at = from
  for (;;) {
    const feed = text.indexOf('\n', at)
    if (feed < 0 || feed >= to) {
      error ??= 'a part ends within its head'
      at = to
      break
    }
    const crlf = text[feed - 1] === '\r' && feed > at
    if (crlf) head.crlf = true
    else head.lf = true
    const line = text.slice(at, Math.min(crlf ? feed - 1 : feed, at + longestLine + 1))
    at = feed + 1
    if (line === '') break
    error = addLine(head, line) ?? error
  }
  const names = head.lines.map((line) => nameOf(line))
  if (new Set(names).size < names.length) error ??= 'a part has a header twice'
  const disposition = names.indexOf('content-disposition')
  const value = (head.lines[disposition] ?? ':').replace(/^[^:]*:\s*/, '').trimEnd()
  return { ...head, disposition: disposition < 0 ? null : value, end: at, error }
}

function addLine(
  head: { lines: string[]; folded: boolean; invalidFolding: boolean },
  line: string,
): string | null {
  if (line.length > longestLine) return 'a header line of a part is too long'
  if (head.lines.length >= mostLines) return 'a part has too many headers'
  if (line.startsWith(' ') || line.startsWith('\t')) return fold(head, line)
  head.lines.push(line)
  if (!line.includes(':')) return 'a header of a part has no colon'
  return nameOf(line) === '' ? 'a header of a part has no name' : null
}

function fold(
  head: { lines: string[]; folded: boolean; invalidFolding: boolean },
  line: string,
): string | null {
  const last = head.lines.length - 1
  if (last < 0 || (head.lines[last] as string).length > longestLine) {
    head.invalidFolding = true
    return 'a part begins with a continued header, or continues one for too long'
  }
  head.folded = true
  head.lines[last] += line
  return null
}

function nameOf(line: string): string {
  return (line.split(':', 1)[0] as string).trim().toLowerCase()
}
