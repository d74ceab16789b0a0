// The operators of a rule set, each made once: rules with the same operator and argument share it, and its pattern.

import { compileMacro, hasMacro } from './macro.ts'
import { createDynamicOperator, createOperator } from './operators/create.ts'
import type { PatternCompiler } from './targets.ts'
import type { Operator, OperatorContext } from './types.ts'

interface OperatorName {
  readonly name: string
  readonly argument: string
}

interface FileReader {
  readFile(name: string, from: string): string
}

/** For who wants the verdict alone. */
export const noCapture: OperatorContext = { capturing: false, capture: () => {} }

export class OperatorTable {
  readonly #env: FileReader
  readonly #operators = new Map<string, Operator>()

  constructor(env: FileReader) {
    this.#env = env
  }

  /** Patterns of selectors and tags run on the same engine as @rx, without case. */
  readonly compilePattern: PatternCompiler = (pattern) => {
    const operator = this.of({ name: 'rx', argument: `(?i)${pattern}` }, '')
    return (key) => operator.evaluate(key, noCapture)
  }

  /** Throws an error for an unknown operator or a bad argument. `file` is the rule file, beside which data files are. */
  of({ name, argument }: OperatorName, file: string): Operator {
    const folder = file.slice(0, file.lastIndexOf('/') + 1)
    const key = `${name} ${name.endsWith('file') ? folder : ''} ${argument}`
    const known = this.#operators.get(key)
    if (known !== undefined) return known
    const operator = createOperator(name, argument, { readFile: (data) => this.#env.readFile(data, file) })
    this.#operators.set(key, operator)
    return operator
  }

  check(operator: OperatorName, file: string): void {
    if (!hasMacro(operator.argument)) return void this.of(operator, file)
    createDynamicOperator(operator.name)
    compileMacro(operator.argument)
  }
}
