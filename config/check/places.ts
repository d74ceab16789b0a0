// Which parts of a file are sound enough for checks across parts. A bad tenant must not hide a bad route, and
// its mistake must not be reported a second time in other words.
import { fromPointer, toPointer } from '../pointer.ts'

export interface Places {
  /** True when neither the entry (`/tenants/3`), nor what holds it, failed its schema. */
  isSound(pointer: string): boolean
}

export function createPlaces(brokenPointers: Iterable<string>): Places {
  const broken = new Set<string>()
  for (const pointer of brokenPointers) broken.add(toPointer(fromPointer(pointer).slice(0, 2)))
  return {
    isSound(pointer) {
      const path = fromPointer(pointer)
      return path.every((_, index) => !broken.has(toPointer(path.slice(0, index + 1)))) && !broken.has('')
    },
  }
}

export interface Entry<T> {
  readonly value: T
  readonly pointer: string
}

/** The sound entries of a list, with their places. */
export function soundItems<T>(list: readonly T[] | undefined, pointer: string, places: Places): Entry<T>[] {
  if (!Array.isArray(list) || !places.isSound(pointer)) return []
  return (list as readonly T[])
    .map((value, index) => ({ value, pointer: `${pointer}/${index}` }))
    .filter((entry) => places.isSound(entry.pointer))
}
