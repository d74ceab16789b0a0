// Merges what the instances of a plugin in every worker answered to one question. Main thread; called by caches.ts and
// rate-limits.ts. Answers come from plugins, possibly an operator's own, so their shape is not taken for granted.

export interface MergedEntry {
  /** Same key, same entry; a stable order for paging. */
  readonly key: string
  readonly entry: Entry
  /** In how many instances it is held. */
  readonly copies: number
}

type Entry = Readonly<Record<string, unknown>>

/** Takes lists of entries, or objects that hold one under `entries`. `keyOf` says which entries are the same one. */
export function mergeEntries(
  answers: readonly unknown[],
  keyOf: (entry: Entry) => string,
): readonly MergedEntry[] {
  const merged = new Map<string, MergedEntry>()
  for (const entry of answers.flatMap(entriesOf)) {
    const key = keyOf(entry)
    const known = merged.get(key)
    merged.set(key, { key, entry: known?.entry ?? entry, copies: (known?.copies ?? 0) + 1 })
  }
  return [...merged.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Equal in everything but times, which differ from worker to worker for what is the same entry otherwise. */
export function keyOfLasting(entry: Entry): string {
  const lasting = Object.entries(entry).filter(([name]) => !/(?:Ms|At|Seconds)$/.test(name))
  return JSON.stringify(lasting.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Why instances had nothing to say, each reason once. */
export function reasonsOf(answers: readonly unknown[]): readonly string[] {
  const reasons = answers.flatMap((answer) =>
    isRecord(answer) && typeof answer.error === 'string' ? answer.error : [],
  )
  return [...new Set(reasons)]
}

/** Takes numbers, or objects that hold one number. */
export function sumOf(answers: readonly unknown[]): number {
  return answers.reduce<number>((sum, answer) => sum + numberOf(answer), 0)
}

function entriesOf(answer: unknown): Entry[] {
  const list = Array.isArray(answer) ? answer : isRecord(answer) ? answer.entries : []
  return Array.isArray(list) ? list.filter(isRecord) : []
}

function numberOf(answer: unknown): number {
  if (typeof answer === 'number') return answer
  const found = isRecord(answer)
    ? Object.values(answer).find((value) => typeof value === 'number')
    : undefined
  return typeof found === 'number' ? found : 0
}

function isRecord(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
