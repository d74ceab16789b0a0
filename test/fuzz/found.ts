// Inputs that once broke a promise, by target: files of found/. The suite tries them again for good.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface FoundInputs {
  readonly target: string
  readonly inputs: readonly {
    /** What was broken. */
    readonly promise: string
    readonly input: string
  }[]
}

export function readFound(): FoundInputs[] {
  const folder = fileURLToPath(new URL('found/', import.meta.url))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(folder + file, 'utf8')) as FoundInputs)
}
