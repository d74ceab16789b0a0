// Gathers the problems of one load, so that all are reported at once and the report stays bounded. Main thread.

import type { ConfigFileName, ConfigProblem } from '../gateway/contract/errors.ts'
import { hideTexts } from './hidden-texts.ts'

/** Adds one problem of the file that the reporter was made for. */
export type Report = (pointer: string, message: string) => void

export interface ProblemList {
  reporter(file: ConfigFileName): Report
  add(problem: ConfigProblem): void
  /** From now on no message shows these; the placeholder by what it put in. */
  hide(texts: ReadonlyMap<string, string>): void
  readonly count: number
  /** At most `problemCap` of them and, past that, one that says how many more there are. */
  list(): ConfigProblem[]
}

export const problemCap = 100

export function createProblemList(): ProblemList {
  const kept: ConfigProblem[] = []
  const hidden = new Map<string, string>()
  let count = 0
  const add = (problem: ConfigProblem) => {
    count += 1
    if (kept.length < problemCap) kept.push({ ...problem, message: hideTexts(problem.message, hidden) })
  }
  return {
    reporter: (file) => (pointer, message) => add({ file, pointer, message }),
    add,
    hide(texts) {
      for (const [text, placeholder] of texts) hidden.set(text, placeholder)
    },
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
