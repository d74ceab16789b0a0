// As what other path could a laxer reader than us take a canonical one? Worker thread; called by routing.ts for the few
// paths of which there are several readings. Servlet containers cut `;...` off segments before they compare; many
// servers decode `%2F`, some decode twice (behind a proxy that decodes too); nearly all merge slashes. Who decodes before
// looking for the query (rewriting proxies do) ends the path at `%3F`, or at `%23`.

export interface Reading {
  /** Of the form that router.ts takes: it decodes the literals it compares once more. */
  readonly path: string
  /** Escapes of the canonical path were decoded for it. */
  readonly decoded: boolean
}

/** Nobody is known to decode more often. */
const mostRounds = 2

const dotSegment = /(?:^|\/)\.\.?(?:[;/?#]|$)/
/** The readings that differ from `path`; a sentence where one of them leaves its place. */
export function otherReadings(path: string): Reading[] | string {
  const readings: Reading[] = []
  let text = path
  for (let round = 0; round <= mostRounds; round++) {
    if (text.split('/').some(hasSlashInParameter))
      return 'An encoded slash in a parameter of the path is not accepted.'
    const plain = withoutParameters(text)
    if (plain !== path) readings.push({ path: plain, decoded: round > 0 })
    // A rewrite may take the segment to another place, where it ends the path with what stands before it.
    for (const end of [/[?#].*/s, /[?#][^/]*/g])
      if (end.test(text)) readings.push({ path: withoutParameters(text.replace(end, '')), decoded: true })
    const next = decode(text)
    if (next === text) break
    if (dotSegment.test(next))
      return 'The path holds a dot segment beside an encoded slash, or encoded twice.'
    text = next
  }
  return readings
}

/** What is cut off, and whether its slash comes to count, depends on what a reader does first. */
function hasSlashInParameter(segment: string): boolean {
  const parameter = segment.search(/;|%3B/i)
  return parameter >= 0 && segment.toUpperCase().includes('%2F', parameter)
}

/** Escapes of ASCII characters, once; a backslash is a slash to who reads on Windows. */
function decode(text: string): string {
  if (!text.includes('%')) return text
  return text
    .replaceAll(/%[0-7][0-9A-Fa-f]/g, (triple) => String.fromCharCode(Number.parseInt(triple.slice(1), 16)))
    .replaceAll('\\', '/')
}

function withoutParameters(text: string): string {
  const segments = text.split('/')
  const kept: string[] = []
  for (const segment of segments) {
    const end = segment.indexOf(';')
    const name = end < 0 ? segment : segment.slice(0, end)
    if (name !== '') kept.push(name)
  }
  const last = segments.at(-1) as string
  const open = last === '' || last.startsWith(';')
  return `/${kept.join('/')}${open && kept.length > 0 ? '/' : ''}`
}
