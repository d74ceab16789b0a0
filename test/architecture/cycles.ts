// Import cycles of values; type imports are erased, so a record and its parts may know each other's types.
// Each is told once, by the shortest way round from its first file.
import type { Finding, Source } from './source.ts'

export function cyclesOf(sources: readonly Source[]): Finding[] {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ file, typeOnly }) => (typeOnly ? [] : (file ?? []))),
    ]),
  )
  const told = new Set<string>()
  const findings: Finding[] = []
  for (const { path } of sources) {
    if (told.has(path)) continue
    const way = shortestWayBack(path, edges)
    if (way === null) continue
    for (const step of way) told.add(step)
    findings.push({ path, line: 1, message: `import cycle: ${[...way, path].join(' -> ')}` })
  }
  return findings
}

function shortestWayBack(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] | null {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (let at = 0; at < queue.length; at++) {
    const here = queue[at] as string
    for (const next of edges.get(here) ?? []) {
      if (next === start) return walkBack(here, start, cameFrom)
      if (cameFrom.has(next) || !edges.has(next)) continue
      cameFrom.set(next, here)
      queue.push(next)
    }
  }
  return null
}

function walkBack(from: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way: string[] = []
  for (let here = from; here !== start; here = cameFrom.get(here) as string) way.unshift(here)
  return [start, ...way]
}
