// Refuses routes between which no rule of preference decides. One map over (host, shape, headers, method) keeps
// this linear: ten thousand routes must load in about a second.
import type { Report } from '../problems.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { quote } from '../wording.ts'
import type { ParsedPath } from './path-pattern.ts'

export interface ParsedRoute {
  readonly route: RoutesFile['routes'][number]
  readonly pointer: string
  readonly paths: readonly ParsedPath[]
}

export function checkTwins(routes: readonly ParsedRoute[], report: Report): void {
  const owners = new Map<string, ParsedRoute>()
  for (const one of routes) {
    const reported = new Set<ParsedRoute>()
    for (const path of one.paths) {
      for (const key of keysOf(one, path)) {
        const other = owners.get(key)
        if (other === undefined) {
          owners.set(key, one)
        } else if (!reported.has(other)) {
          reported.add(other)
          report(`${one.pointer}/paths/${path.index}`, sentence(one, other, path.text))
        }
      }
    }
  }
}

/** Equal keys: the same request can match both, and neither is more specific. */
function* keysOf({ route }: ParsedRoute, { pattern }: ParsedPath): Generator<string> {
  const hosts = route.hosts.length === 0 ? [''] : new Set(route.hosts.map((host) => host.toLowerCase()))
  const methods = route.methods.length === 0 ? [''] : new Set(route.methods)
  const headers = Object.entries(route.headers)
    .map(([name, value]) => [name.toLowerCase(), value])
    .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1))
  const rest = JSON.stringify([pattern.shape, headers])
  for (const host of hosts) {
    for (const method of methods) yield `${host} ${method} ${rest}`
  }
}

function sentence(one: ParsedRoute, other: ParsedRoute, path: string): string {
  if (one === other)
    return `Route ${quote(one.route.id)}: the path ${quote(path)} matches the same requests as an earlier path of it.`
  return `Routes ${quote(other.route.id)} and ${quote(one.route.id)} match the same requests at ${quote(path)} (same hosts, path, methods and headers), so neither is more specific. Change or remove one of them.`
}
