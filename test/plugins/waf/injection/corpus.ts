// Reads the corpora beside it: one value a line, families under lines that begin with "# ".
import { readFileSync } from 'node:fs'

export interface CorpusValue {
  readonly family: string
  /** A byte string, as the engine hands values to the operators. */
  readonly value: string
}

export type CorpusName = 'sqli-attacks' | 'sqli-benign' | 'xss-attacks' | 'xss-benign'

export function readCorpus(name: CorpusName): readonly CorpusValue[] {
  const lines = readFileSync(new URL(`corpus/${name}.txt`, import.meta.url), 'latin1').split('\n')
  let family = ''
  const values: CorpusValue[] = []
  for (const line of lines) {
    if (line.startsWith('# ')) family = line.slice(2)
    else if (line !== '') values.push({ family, value: line })
  }
  return values
}
