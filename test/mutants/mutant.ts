// A security rule taken out of the code, and the tests that must notice. Listed by area in rules/, run by run.ts.
import { readdirSync } from 'node:fs'

export interface Mutant {
  /** What the code promises, as a sentence. */
  readonly rule: string
  /** Path from the root of the project. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  /** The same without the rule; valid TypeScript. */
  readonly replace: string
  /** Test files of which at least one must fail. */
  readonly tests: readonly string[]
}

type Row = readonly [rule: string, find: string, replace: string]

/** Of one file, all seen by the same tests. */
export function mutantsOf(file: string, tests: readonly string[], rows: readonly Row[]): Mutant[] {
  return rows.map(([rule, find, replace]) => ({ rule, file, find, replace, tests }))
}

export interface Area {
  readonly name: string
  readonly mutants: readonly Mutant[]
}

const folder = new URL('rules/', import.meta.url)

/** One area a file; each exports one list. */
export async function readAreas(): Promise<Area[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  return Promise.all(
    files.sort().map(async (file) => {
      const lists = Object.values((await import(new URL(file, folder).href)) as Record<string, Mutant[]>)
      return { name: file.slice(0, -'.ts'.length), mutants: lists.flat() }
    }),
  )
}

/** The text with the rule taken out. Throws when it is not clear where that is. */
export function applyMutant({ rule, file, find, replace }: Mutant, text: string): string {
  const parts = text.split(find)
  if (parts.length !== 2)
    throw new Error(`"${rule}": its text stands ${parts.length - 1} times in ${file}, not once`)
  if (find === replace) throw new Error(`"${rule}": nothing is taken out`)
  return parts.join(replace)
}
