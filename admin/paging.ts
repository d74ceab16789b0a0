// Cursor paging of every list: `?size=&after=` -> `{ data, next }`. Main thread; called by the route files.
import { type TSchema, Type } from '@fastify/type-provider-typebox'
import { HttpProblem } from './problems.ts'

export interface PageQuery {
  readonly size?: number
  readonly after?: string
}

export interface Page<T> {
  readonly data: T[]
  /** Cursor of the next page; null on the last one. */
  readonly next: string | null
}

export const pageQuery = {
  size: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Entries of a page.' }),
  ),
  after: Type.Optional(
    Type.String({ minLength: 1, maxLength: 4096, description: 'The `next` of the page before; opaque.' }),
  ),
}

export function pageSchema(entry: TSchema | object) {
  return Type.Object({
    data: Type.Array(Type.Unsafe(entry)),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'Give it as `after`; null on the last page.',
    }),
  })
}

/**
 * The page behind the cursor. A cursor names the last entry given, not a position, so that entries that come or go in
 * front of it neither repeat nor hide others. `whenGone` says what follows an entry that is no longer there: in a list
 * in file order whatever took its place, in a list that loses its oldest entries nothing.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T, index: number) => string,
  query: PageQuery,
  whenGone: 'its-place' | 'nothing' = 'its-place',
): Page<T> {
  const start = query.after === undefined ? 0 : findStart(items, keyOf, parseCursor(query.after), whenGone)
  const end = Math.min(start + (query.size ?? 100), items.length)
  const last = items[end - 1]
  const more = end < items.length && last !== undefined
  return { data: items.slice(start, end), next: more ? toCursor(keyOf(last, end - 1), end - 1) : null }
}

interface Cursor {
  readonly key: string
  readonly index: number
}

function findStart<T>(
  items: readonly T[],
  keyOf: (item: T, index: number) => string,
  cursor: Cursor,
  whenGone: 'its-place' | 'nothing',
): number {
  const there = items[cursor.index]
  if (there !== undefined && keyOf(there, cursor.index) === cursor.key) return cursor.index + 1
  const found = items.findIndex((item, index) => keyOf(item, index) === cursor.key)
  if (found !== -1) return found + 1
  return whenGone === 'its-place' ? Math.min(cursor.index, items.length) : items.length
}

function toCursor(key: string, index: number): string {
  return Buffer.from(JSON.stringify([index, key])).toString('base64url')
}

function parseCursor(text: string): Cursor {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Array.isArray(parsed) && parsed.length === 2) {
      const [index, key] = parsed as unknown[]
      if (typeof key === 'string' && Number.isInteger(index) && Number(index) >= 0) {
        return { key, index: Number(index) }
      }
    }
  } catch {
    // Not a cursor of ours; said below.
  }
  const detail = '`after` is not a cursor of this API: give the `next` of the page before, unchanged'
  throw new HttpProblem(400, 'INVALID', `${detail}.`, {
    errors: [{ in: 'query', pointer: '/after', detail }],
  })
}
