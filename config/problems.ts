// Gathers the problems of one load, so that all are reported at once and the report stays bounded. Main thread.
import type { ConfigFileName, ConfigProblem } from '../gateway/contract/errors.ts'

/** Adds one problem of the file that the reporter was made for. */
export type Report = (pointer: string, message: string) => void

export interface ProblemList {
  reporter(file: ConfigFileName): Report
  add(problem: ConfigProblem): void
  readonly count: number
  /** At most `problemCap` of them and, past that, one that says how many more there are. */
  list(): ConfigProblem[]
}

export const problemCap = 100

export function createProblemList(): ProblemList {
  const kept: ConfigProblem[] = []
  let count = 0
  const add = (problem: ConfigProblem) => {
    count += 1
    if (kept.length < problemCap) kept.push(problem)
  }
  return {
    reporter: (file) => (pointer, message) => add({ file, pointer, message }),
    add,
    get count() {
      return count
    },
    list() {
      const first = kept[0]
      if (first === undefined || count <= problemCap) return [...kept]
      const rest = {
        file: first.file,
        pointer: '',
        message: `and ${count - problemCap} more problems, not listed`,
      }
      return [...kept, rest]
    },
  }
}
