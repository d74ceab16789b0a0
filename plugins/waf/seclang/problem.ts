// What is wrong in rule files. Every bad place is collected before anything is refused, so that one run shows them all.

export interface Place {
  readonly file: string
  readonly line: number
}

export interface SecLangProblem extends Place {
  readonly message: string
}

export class SecLangError extends Error {
  readonly problems: readonly SecLangProblem[]

  constructor(problems: readonly SecLangProblem[]) {
    const shown = problems.slice(0, 20).map((p) => `${p.file}:${p.line}: ${p.message}`)
    const rest = problems.length - shown.length
    super(shown.join('\n') + (rest > 0 ? `\nand ${rest} more` : ''))
    this.name = 'SecLangError'
    this.problems = problems
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
