// What a plugin read of files and variables while its config was checked, so that every worker reads the very same.
import type { FileReader } from './ports.ts'

export interface RecordedFiles {
  /** SHA-256 over all of it. */
  readonly digest: string
  /** latin1, by the path as it was asked for. */
  readonly texts: Readonly<Record<string, string>>
  /** By pattern. */
  readonly lists: Readonly<Record<string, readonly string[]>>
  /** null: not set. */
  readonly variables: Readonly<Record<string, string | null>>
}

/** What was not read then cannot be read now. */
export function replayFiles(recorded: RecordedFiles | undefined): FileReader {
  const find = <T>(what: string, from: Readonly<Record<string, T>> | undefined, key: string): T => {
    if (from === undefined || !Object.hasOwn(from, key))
      throw new Error(`${what} ${key} was not read when the config was checked`)
    return from[key] as T
  }
  return {
    read: (path) => find('the file', recorded?.texts, path),
    find: (pattern) => find('the pattern', recorded?.lists, pattern),
    variable: (name) => find('the variable', recorded?.variables, name) ?? undefined,
  }
}
