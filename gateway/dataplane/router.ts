// Host, path, method and headers to a route. Compiled once per config by runtime.ts; worker thread.
// Order of preference: exact host over wildcard over any; then, segment by segment, literal over {name} over /*;
// then methods given over not given, headers given over not given.
import type { RouteConfig } from '../contract/snapshot.ts'

/** One path pattern of one route. */
export interface RoutePath<R> {
  readonly route: RouteConfig
  /** What the worker compiled for the route (its chain, its upstream split). */
  readonly compiled: R
  /** Names of the `{name}` segments, in order. */
  readonly names: readonly string[]
  readonly pattern: string
}

export interface RouteMatch<R> {
  readonly entry: RoutePath<R>
  /** Raw (still encoded) segments matched by the names, in order. */
  readonly values: readonly string[]
  /** What a last `/*` matched: '' or a path that starts with a slash. */
  readonly rest: string
}

/** The path exists, the method does not: the methods that do. */
export interface MethodMismatch {
  readonly allow: readonly string[]
}

export interface Router<R> {
  /** undefined: nothing matches. */
  find(request: RouteRequest): RouteMatch<R> | MethodMismatch | undefined
  /** One of the route's paths. */
  byId(id: string): RoutePath<R> | undefined
}

export interface RouteRequest {
  readonly method: string
  readonly host: string
  readonly path: string
  header(name: string): string | undefined
}

interface Node<R> {
  readonly literals: Map<string, Node<R>>
  name: Node<R> | null
  readonly ends: RoutePath<R>[]
  readonly rests: RoutePath<R>[]
}

interface Search<R> {
  readonly request: RouteRequest
  readonly path: string
  readonly values: string[]
  /** Methods of the entries that fitted but for the method; null: there was none. */
  allow: Set<string> | null
  found: RouteMatch<R> | null
}

export function createRouter<R>(
  routes: readonly RouteConfig[],
  compile: (route: RouteConfig) => R,
): Router<R> {
  const exact = new Map<string, Node<R>>()
  const wildcard = new Map<string, Node<R>>()
  const any = createNode<R>()
  const byId = new Map<string, RoutePath<R>>()
  for (const route of routes) {
    const compiled = compile(route)
    for (const tree of treesOf(route, exact, wildcard, any)) {
      for (const pattern of route.paths) {
        const entry = { route, compiled, names: namesOf(pattern), pattern }
        insert(tree, entry)
        byId.set(route.id, entry)
      }
    }
  }
  for (const tree of [...exact.values(), ...wildcard.values(), any]) sortEntries(tree)

  return {
    byId: (id) => byId.get(id),
    find(request) {
      const { host } = request
      const search: Search<R> = { request, path: request.path, values: [], allow: null, found: null }
      const tree = exact.get(host)
      if (tree !== undefined && walk(tree, search, 1)) return search.found ?? undefined
      const dot = host.indexOf('.')
      const wild = dot < 0 ? undefined : wildcard.get(host.slice(dot + 1))
      if (wild !== undefined && walk(wild, search, 1)) return search.found ?? undefined
      if (walk(any, search, 1)) return search.found ?? undefined
      return search.allow === null ? undefined : { allow: [...search.allow].sort() }
    },
  }
}

function createNode<R>(): Node<R> {
  return { literals: new Map(), name: null, ends: [], rests: [] }
}

function treesOf<R>(
  route: RouteConfig,
  exact: Map<string, Node<R>>,
  wildcard: Map<string, Node<R>>,
  any: Node<R>,
): Node<R>[] {
  if (route.hosts.length === 0) return [any]
  return route.hosts.map((host) =>
    host.startsWith('*.') ? treeFor(wildcard, host.slice(2)) : treeFor(exact, host),
  )
}

function treeFor<R>(trees: Map<string, Node<R>>, host: string): Node<R> {
  let tree = trees.get(host)
  if (tree === undefined) {
    tree = createNode()
    trees.set(host, tree)
  }
  return tree
}

function namesOf(pattern: string): string[] {
  return pattern
    .split('/')
    .filter((segment) => segment.startsWith('{'))
    .map((segment) => segment.slice(1, -1))
}

function insert<R>(tree: Node<R>, entry: RoutePath<R>): void {
  let node = tree
  for (const segment of entry.pattern.split('/').slice(1)) {
    if (segment === '*') {
      node.rests.push(entry)
      return
    }
    if (segment.startsWith('{')) {
      node.name ??= createNode()
      node = node.name
    } else {
      node = treeFor(node.literals, decodeSegment(segment))
    }
  }
  node.ends.push(entry)
}

/**
 * Literals are compared decoded: a backend reads `/items%3Abatch` as `/items:batch`, so the route of the one is the
 * route of the other. Escapes of slashes and control characters never come here. Not UTF-8: compared as spelled.
 */
function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function sortEntries<R>(node: Node<R>): void {
  const weight = ({ route }: RoutePath<R>) =>
    (route.methods.length > 0 ? 2 : 0) + (Object.keys(route.headers).length > 0 ? 1 : 0)
  node.ends.sort((a, b) => weight(b) - weight(a))
  node.rests.sort((a, b) => weight(b) - weight(a))
  for (const child of node.literals.values()) sortEntries(child)
  if (node.name !== null) sortEntries(node.name)
}

/** `at` is where the next segment of the path starts; past the end when there is none. True when found. */
function walk<R>(node: Node<R>, search: Search<R>, at: number): boolean {
  const { path } = search
  if (at > path.length) {
    return choose(node.ends, search, '') || choose(node.rests, search, '')
  }
  const slash = path.indexOf('/', at)
  const end = slash < 0 ? path.length : slash
  const segment = path.slice(at, end)
  const literal = node.literals.get(decodeSegment(segment))
  if (literal !== undefined && walk(literal, search, end + 1)) return true
  if (node.name !== null && segment !== '') {
    search.values.push(segment)
    if (walk(node.name, search, end + 1)) return true
    search.values.pop()
  }
  return node.rests.length > 0 && choose(node.rests, search, path.slice(at - 1))
}

function choose<R>(entries: readonly RoutePath<R>[], search: Search<R>, rest: string): boolean {
  for (const entry of entries) {
    const { route } = entry
    if (!headersMatch(route, search.request)) continue
    if (!methodMatches(route, search.request.method)) {
      search.allow = addMethods(search.allow, route.methods)
      continue
    }
    search.found = { entry, values: search.values, rest }
    return true
  }
  return false
}

function addMethods(known: Set<string> | null, methods: readonly string[]): Set<string> {
  const allow = known ?? new Set()
  for (const method of methods) allow.add(method)
  if (allow.has('GET')) allow.add('HEAD')
  return allow
}

function methodMatches(route: RouteConfig, method: string): boolean {
  if (route.methods.length === 0 || route.methods.includes(method)) return true
  return method === 'HEAD' && route.methods.includes('GET')
}

function headersMatch(route: RouteConfig, request: RouteRequest): boolean {
  for (const name in route.headers) {
    if (request.header(name) !== route.headers[name]) return false
  }
  return true
}
