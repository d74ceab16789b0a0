// Checks of one route at a time, beyond its schema.
import { escapeStep } from '../pointer.ts'
import type { Report } from '../problems.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { listChoices, quote, suggest } from '../wording.ts'
import { hostPatternProblem } from './host-pattern.ts'
import { type ParsedPath, parsePathPattern } from './path-pattern.ts'
import { soundItems } from './places.ts'
import { checkRewrite } from './rewrite.ts'
import type { RoutesCheck } from './tenants.ts'
import { checkTwins, type ParsedRoute } from './twins.ts'

type Route = RoutesFile['routes'][number]

interface OneRoute {
  readonly route: Route
  readonly pointer: string
  /** Names the route in the sentence. */
  readonly say: Report
}

export function checkRoutes(check: RoutesCheck): void {
  const { file, places, report } = check
  const ids = new Set<string>()
  const parsed: ParsedRoute[] = []
  const upstreams = knownUpstreams(check)
  for (const { value: route, pointer } of soundItems(file.routes, '/routes', places)) {
    const say: Report = (at, message) => report(at, `Route ${quote(route.id)}: ${message}`)
    const one: OneRoute = { route, pointer, say }
    if (ids.has(route.id)) report(`${pointer}/id`, `Two routes have the id ${quote(route.id)}.`)
    ids.add(route.id)
    checkHosts(one)
    checkMethods(one)
    checkHeaders(one)
    checkPolicy(one)
    if (upstreams !== null) checkUpstreamNames(one, upstreams)
    const paths = checkPaths(one)
    checkRewrite({ rewrite: route.rewrite, paths, pointer: `${pointer}/rewrite`, say })
    parsed.push({ route, pointer, paths })
  }
  checkTwins(parsed, report)
}

/** null when the upstreams themselves are not an object. */
function knownUpstreams({ file }: RoutesCheck): string[] | null {
  const { upstreams } = file as Partial<RoutesFile>
  return typeof upstreams === 'object' && upstreams !== null ? Object.keys(upstreams) : null
}

function checkHosts({ route, pointer, say }: OneRoute): void {
  const seen = new Set<string>()
  for (const [index, host] of route.hosts.entries()) {
    const at = `${pointer}/hosts/${index}`
    const problem = hostPatternProblem(host)
    if (problem !== null) say(at, `the host ${quote(host)} cannot be used: ${problem}.`)
    else if (seen.has(host.toLowerCase())) say(at, `the host ${quote(host)} is given twice.`)
    seen.add(host.toLowerCase())
  }
}

function checkMethods({ route, pointer, say }: OneRoute): void {
  for (const [index, method] of route.methods.entries()) {
    const at = `${pointer}/methods/${index}`
    if (!/^[A-Z][A-Z0-9-]{0,31}$/.test(method)) {
      say(at, `${quote(method)} is not a method in upper case, such as GET, POST, PUT, PATCH or DELETE.`)
    } else if (method === 'TRACE' || method === 'CONNECT') {
      say(at, `${method} cannot be routed: the gateway always answers it with 405.`)
    } else if (route.methods.indexOf(method) < index) {
      say(at, `the method ${method} is given twice.`)
    }
  }
}

function checkHeaders({ route, pointer, say }: OneRoute): void {
  const seen = new Set<string>()
  for (const [name, value] of Object.entries(route.headers)) {
    const at = `${pointer}/headers/${escapeStep(name)}`
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name)) {
      say(at, `${quote(name)} is not a header name.`)
    } else if (seen.has(name.toLowerCase())) {
      say(at, `the header ${quote(name)} is given twice, in different case.`)
    } else if (/[^\t -~]/.test(value) || value !== value.trim()) {
      say(at, `the value of the header ${quote(name)} must be printable ASCII without spaces at its ends.`)
    }
    seen.add(name.toLowerCase())
  }
}

function checkPolicy({ route, pointer, say }: OneRoute): void {
  const { auth, roles, permission } = route
  if (auth === 'none' && (roles.length > 0 || permission !== undefined)) {
    const asked = roles.length > 0 ? 'roles' : 'permission'
    say(
      `${pointer}/${asked}`,
      `"${asked}" needs a known caller, but "auth" is "none". Set "auth" to "required" or leave out "${asked}".`,
    )
  }
  if (permission === undefined) return
  if (!/^[^\s:{}\u0000-\u001f]+$/.test(permission.resource)) {
    say(
      `${pointer}/permission/resource`,
      'the resource must be a name without spaces, ":" or braces, such as "items".',
    )
  }
  const action = permission.action.replaceAll('{method}', 'read')
  if (!/^[^\s:{}\u0000-\u001f]+$/.test(action)) {
    say(
      `${pointer}/permission/action`,
      'the action must be a name without spaces or ":"; of braces only "{method}" is known.',
    )
  }
}

function checkUpstreamNames({ route, pointer, say }: OneRoute, known: readonly string[]): void {
  const names =
    typeof route.upstream === 'string' ? [route.upstream] : route.upstream.map((part) => part.name)
  const { mirror } = route
  const missing = (name: string): string => {
    const choices = known.length === 0 ? 'No upstreams are given.' : `Known upstreams: ${listChoices(known)}.`
    return `there is no upstream ${quote(name)}.${suggest(name, known)} ${choices}`
  }
  if (mirror !== undefined && !known.includes(mirror.upstream)) {
    say(`${pointer}/mirror/upstream`, missing(mirror.upstream))
  }
  for (const [index, name] of names.entries()) {
    const at =
      typeof route.upstream === 'string' ? `${pointer}/upstream` : `${pointer}/upstream/${index}/name`
    if (!known.includes(name)) say(at, missing(name))
    else if (names.indexOf(name) < index) {
      say(at, `the upstream ${quote(name)} is given twice in the split; add its weights up.`)
    }
  }
}

function checkPaths({ route, pointer, say }: OneRoute): ParsedPath[] {
  const paths: ParsedPath[] = []
  for (const [index, text] of route.paths.entries()) {
    const pattern = parsePathPattern(text)
    if (typeof pattern === 'string')
      say(`${pointer}/paths/${index}`, `the path ${quote(text)} cannot be used: ${pattern}.`)
    else paths.push({ text, pattern, index })
  }
  return paths
}
