// Entity tags and the conditional requests of RFC 9110 section 13. Main thread; called by every file that reads or writes.
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Json } from '../gateway/contract/control-api.ts'
import { HttpProblem } from './problems.ts'

/** Strong: the hash of the JSON as it is stored, secrets included, so that every role sees the same tag. */
export function etagOf(stored: Json | object): string {
  return `"${createHash('sha256').update(JSON.stringify(stored)).digest('base64url').slice(0, 27)}"`
}

/**
 * Throws 412 unless the write may go on. `current` is null when there is no such resource. Called inside the change
 * function of an edit, where nothing can happen between this comparison and the write.
 */
export function checkPreconditions(headers: IncomingHttpHeaders, current: string | null): void {
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined) {
    const tags = parseTags(ifMatch)
    // Strong comparison: a weak tag never matches.
    const holds = current !== null && (tags.includes('*') || tags.includes(current))
    if (!holds) throw lostRace(current)
  }
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch === undefined || current === null) return
  const tags = parseTags(ifNoneMatch).map(withoutWeakness)
  if (tags.includes('*') || tags.includes(current)) {
    throw new HttpProblem(
      412,
      'PRECONDITION_FAILED',
      'If-None-Match asks that it does not exist, but it does.',
      {
        headers: { etag: current },
      },
    )
  }
}

/** Whether a read may be answered 304. */
export function isNotModified(headers: IncomingHttpHeaders, current: string): boolean {
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch === undefined) return false
  const tags = parseTags(ifNoneMatch).map(withoutWeakness)
  return tags.includes('*') || tags.includes(current)
}

function lostRace(current: string | null): HttpProblem {
  const detail =
    current === null
      ? 'If-Match asks for a version of something that does not exist.'
      : 'It was changed since it was read: If-Match is not its ETag now. Read it again, repeat the change, send that.'
  return new HttpProblem(
    412,
    'PRECONDITION_FAILED',
    detail,
    current === null ? {} : { headers: { etag: current } },
  )
}

/** Our own tags hold no comma, so that a plain split is enough; what it cuts in two matches nothing. */
function parseTags(header: string): string[] {
  return header.split(',').map((tag) => tag.trim())
}

function withoutWeakness(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
