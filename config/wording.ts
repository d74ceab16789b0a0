// How values and choices are written in the sentences of config problems. Main thread.
import { nearestName } from './nearest.ts'

const longest = 80

/** JSON form, shortened. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > longest ? `${text.slice(0, longest)}...` : text
}

/** `"a", "b" or "c"`; long lists are shortened. */
export function listChoices(choices: readonly unknown[], most = 30): string {
  const shown = choices.slice(0, most).map(quote)
  if (choices.length > most) return `${shown.join(', ')} and ${choices.length - most} others`
  const last = shown.pop()
  if (last === undefined) return 'nothing'
  return shown.length === 0 ? last : `${shown.join(', ')} or ${last}`
}

/** ` Did you mean "hosts"?` or nothing. */
export function suggest(name: string, candidates: Iterable<string>): string {
  const near = nearestName(name, candidates)
  return near === undefined ? '' : ` Did you mean ${quote(near)}?`
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  const kind = typeof value
  return kind === 'object' ? 'an object' : `a ${kind}`
}
