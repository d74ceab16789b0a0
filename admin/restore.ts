// Puts stored secrets back where a client sent the `***` that it was shown, so that GET, edit, PUT loses nothing.
// Main thread; called inside the change function of edits.
import type { Json, JsonObject } from '../gateway/contract/control-api.ts'
import { escapePointer } from './problems.ts'
import { hide, isList, isObject } from './redact.ts'
import { isHidden, mask, type Place } from './secret-places.ts'

export interface RestoreFault {
  readonly pointer: string
  readonly detail: string
}

const nothingStored = 'is "***", but no secret is stored at this place to keep: write the secret itself'

/** `stored` is undefined for something new. Places of `next` decide what a secret is. */
export function restoreSecrets(
  next: JsonObject,
  stored: JsonObject | undefined,
  place: Place,
): { value: JsonObject; faults: readonly RestoreFault[] } {
  const faults: RestoreFault[] = []
  return { value: restore(next, stored, { place, pointer: '', faults }) as JsonObject, faults }
}

interface Walk {
  readonly place: Place
  readonly pointer: string
  readonly faults: RestoreFault[]
}

function restore(next: Json, stored: Json | undefined, walk: Walk): Json {
  if (next === mask) return restoreScalar(stored, walk)
  if (!holdsMask(next)) return next
  if (isList(next)) {
    const partners = pairItems(next, isList(stored) ? stored : [], walk.place)
    return next.map((item, index) =>
      restore(item, partners[index], {
        place: walk.place.item(index, item),
        pointer: `${walk.pointer}/${index}`,
        faults: walk.faults,
      }),
    )
  }
  if (!isObject(next)) return next
  const before = isObject(stored) ? stored : {}
  return Object.fromEntries(
    Object.entries(next).map(([key, inner]) => [
      key,
      restore(inner, Object.hasOwn(before, key) ? before[key] : undefined, {
        place: walk.place.member(key, inner),
        pointer: `${walk.pointer}/${escapePointer(key)}`,
        faults: walk.faults,
      }),
    ]),
  )
}

function restoreScalar(stored: Json | undefined, walk: Walk): Json {
  const keeps = stored !== undefined && (isHidden(stored, walk.place) || stored === mask)
  if (keeps) return stored
  // Outside secret places three asterisks are a value like any other.
  if (walk.place.secret) walk.faults.push({ pointer: walk.pointer, detail: nothingStored })
  return mask
}

function holdsMask(value: Json): boolean {
  if (isList(value)) return value.some(holdsMask)
  if (isObject(value)) return Object.values(value).some(holdsMask)
  return value === mask
}

/**
 * Finds for each item of a list the stored item it stands for. Positions alone will not do: after the first of two
 * issuers was taken out, the second would get the first one's secret. What stays ambiguous gets no partner, and then
 * its `***` is refused.
 */
function pairItems(next: readonly Json[], stored: readonly Json[], place: Place): (Json | undefined)[] {
  const partners: (Json | undefined)[] = next.map(() => undefined)
  const open = { next: [...next.keys()], stored: [...stored.keys()] }
  const pair = (nextKey: KeyOf, storedKey: KeyOf, most: number) => {
    const settled = { next: new Set<number>(), stored: new Set<number>() }
    const storedGroups = Map.groupBy(open.stored, storedKey)
    for (const [key, mine] of Map.groupBy(open.next, nextKey)) {
      const theirs = storedGroups.get(key) ?? []
      if (key === null || theirs.length === 0) continue
      for (const [order, index] of mine.entries()) {
        settled.next.add(index)
        if (theirs.length === mine.length && mine.length <= most)
          partners[index] = stored[theirs[order] as number]
      }
      for (const index of theirs) settled.stored.add(index)
    }
    open.next = open.next.filter((index) => !settled.next.has(index))
    open.stored = open.stored.filter((index) => !settled.stored.has(index))
  }
  // First what was sent back exactly as shown, then what still bears the same name, then a single one left over.
  const shown = stored.map((item, index) => canonical(hide(item, place.item(index, item))))
  pair(
    (index) => canonical(next[index] as Json),
    (index) => shown[index] ?? null,
    Number.POSITIVE_INFINITY,
  )
  pair(
    (index) => identityOf(next[index]),
    (index) => identityOf(stored[index]),
    1,
  )
  const [lastNext, lastStored] = [open.next[0], open.stored[0]]
  const single = open.next.length === 1 && open.stored.length === 1
  if (
    single &&
    lastNext !== undefined &&
    lastStored !== undefined &&
    isNameless(next[lastNext], stored[lastStored])
  ) {
    partners[lastNext] = stored[lastStored]
  }
  return partners
}

type KeyOf = (index: number) => string | null

const identifying = ['id', 'name', 'kid', 'issuer', 'url', 'user', 'key']

function identityOf(item: Json | undefined): string | null {
  if (!isObject(item)) return null
  const member = identifying.find((name) => typeof item[name] === 'string')
  return member === undefined ? null : `${member}=${String(item[member])}`
}

function isNameless(...items: (Json | undefined)[]): boolean {
  return items.every((item) => identityOf(item) === null)
}

/** JSON with sorted names: clients may send members in any order. */
function canonical(value: Json): string {
  if (isList(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.keys(value).sort()
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key] as Json)}`).join(',')}}`
}
