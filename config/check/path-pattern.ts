// Grammar of route paths and of `rewrite` templates: literal segments, `{name}`, a last `/*`.
// A literal must be written as the gateway's canonical path is (RFC 3986 section 6.2.2), or it could never match.

export interface PathPattern {
  readonly names: readonly string[]
  /** Ends in `/*`. */
  readonly open: boolean
  /** The pattern with its names taken out: equal shapes match the same paths. */
  readonly shape: string
}

/** One good path of a route. */
export interface ParsedPath {
  readonly text: string
  readonly pattern: PathPattern
  /** Its place in `paths`. */
  readonly index: number
}

/** A string is a sentence that says what is wrong. `repeat`: a name may be used more than once. */
export function parsePathPattern(pattern: string, repeat = false): PathPattern | string {
  if (!pattern.startsWith('/')) return 'it must start with "/"'
  if (pattern.length > 2048) return 'it is longer than 2048 characters'
  const segments = pattern.slice(1).split('/')
  const names: string[] = []
  const shape: string[] = []
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '*') {
      if (!last) return '"*" can only be its last segment'
      shape.push('*')
      continue
    }
    if (segment === '' && !last) return 'it must not hold "//"'
    if (segment.includes('{') || segment.includes('}')) {
      const name = /^\{([A-Za-z_][A-Za-z0-9_]{0,63})\}$/.exec(segment)?.[1]
      if (name === undefined)
        return `"${segment}" is not a segment: "{name}" must be a whole segment, its name letters, digits and "_"`
      if (!repeat && names.includes(name)) return `the name "{${name}}" is used twice`
      names.push(name)
      shape.push('{}')
      continue
    }
    const problem = literalProblem(segment)
    if (problem !== null) return problem
    shape.push(segment)
  }
  return { names, open: segments.at(-1) === '*', shape: `/${shape.join('/')}` }
}

/** Characters of a path segment that stand for themselves (RFC 3986 section 3.3), without "*". */
const plain = /^[A-Za-z0-9\-._~!$&'()+,;=:@]$/
const unreserved = /^[A-Za-z0-9\-._~]$/

function literalProblem(segment: string): string | null {
  if (segment === '.' || segment === '..') return 'dot segments ("." and "..") never reach a route'
  for (let i = 0; i < segment.length; i++) {
    const char = segment.charAt(i)
    if (char === '%') {
      const problem = escapeProblem(segment.slice(i, i + 3))
      if (problem !== null) return problem
      i += 2
    } else if (char === '*') {
      return '"*" can only be its whole last segment'
    } else if (char === '?' || char === '#') {
      return `"${char}" is not part of a path; queries are passed on as they are`
    } else if (!plain.test(char)) {
      return `the character ${JSON.stringify(char)} must be percent-encoded`
    }
  }
  return null
}

function escapeProblem(triple: string): string | null {
  if (!/^%[0-9A-Fa-f]{2}$/.test(triple)) return '"%" must be followed by two hexadecimal digits'
  if (triple !== triple.toUpperCase()) return `"${triple}" must be in upper case: "${triple.toUpperCase()}"`
  const code = Number.parseInt(triple.slice(1), 16)
  const char = String.fromCharCode(code)
  if (char === '/' || char === '\\' || code < 32 || code === 127)
    return `"${triple}" is refused in every request`
  if (unreserved.test(char)) return `"${triple}" must be written as "${char}"`
  return null
}
