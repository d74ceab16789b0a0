// Lists and maps of the config files seen alike: ordered entries with an id. Pure; main thread; called by resources.ts.
import type { ConfigFiles, Json, JsonObject } from '../gateway/contract/control-api.ts'
import type { ResourcePlace } from './edits.ts'
import { escapePointer, HttpProblem } from './problems.ts'
import { isList, isObject } from './redact.ts'

export interface Entry {
  /** null: an entry that an operator wrote without a usable id; kept as it is, not reachable by id. */
  readonly id: string | null
  /** As it stands in the file. */
  readonly stored: Json
}

export interface Collection {
  entries(files: ConfigFiles): readonly Entry[]
  replace(files: ConfigFiles, entries: readonly Entry[]): ConfigFiles
  place(entries: readonly Entry[], index: number): ResourcePlace
  /** What the file holds for a resource that the API shows as `resource`. */
  toStored(id: string, resource: JsonObject): JsonObject
  /** The other way round: with its id as a member. */
  toResource(id: string, stored: JsonObject): JsonObject
}

/** `{ "<member>": [ { "id": ..., ... } ] }` */
export function listCollection(file: 'routes' | 'plugins', member: string): Collection {
  return {
    entries(files) {
      const list = files[file][member] ?? []
      if (!isList(list)) throw brokenFile(file, member, 'a list')
      return list.map((stored) => ({ id: isObject(stored) ? textOrNull(stored.id) : null, stored }))
    },
    replace: (files, entries) => ({
      ...files,
      [file]: { ...files[file], [member]: entries.map((entry) => entry.stored) },
    }),
    place: (_, index) => ({ file: `${file}.json`, pointer: `/${member}/${index}` }),
    toStored: (id, resource) => ('id' in resource ? { ...resource, id } : { id, ...resource }),
    toResource: (_, stored) => stored,
  }
}

/** `{ "<member>": { "<name>": { ... } } }`; the name is not inside the stored value. */
export function mapCollection(
  file: 'routes' | 'plugins',
  member: string,
  readOnly: readonly string[],
): Collection {
  return {
    entries(files) {
      const map = files[file][member] ?? {}
      if (!isObject(map)) throw brokenFile(file, member, 'an object')
      return Object.entries(map).map(([id, stored]) => ({ id, stored }))
    },
    replace: (files, entries) => ({
      ...files,
      [file]: {
        ...files[file],
        [member]: Object.fromEntries(entries.map((entry) => [entry.id ?? '', entry.stored])),
      },
    }),
    place: (entries, index) => ({
      file: `${file}.json`,
      pointer: `/${member}/${escapePointer(entries[index]?.id ?? '')}`,
    }),
    toStored: (_, resource) =>
      Object.fromEntries(
        Object.entries(resource).filter(([key]) => key !== 'name' && !readOnly.includes(key)),
      ),
    toResource: (id, stored) => ({ name: id, ...stored }),
  }
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null
}

function brokenFile(file: string, member: string, wanted: string): HttpProblem {
  return new HttpProblem(
    409,
    'FILES_BROKEN',
    `${file}.json does not hold ${wanted} at /${member}. Repair the file first.`,
  )
}
