// The path that the upstream gets. Compiled once per route; worker thread. Works on the canonical, still encoded path,
// so that what policy judged and what goes up cannot differ.
import type { RouteConfig } from '../contract/snapshot.ts'
import type { RouteMatch } from './router.ts'

export type Rewrite = (path: string, match: RouteMatch<unknown>) => string

export function createRewrite(rewrite: RouteConfig['rewrite']): Rewrite {
  if (rewrite === null) return (path) => path
  if (rewrite.path !== null) return createTemplate(rewrite.path)
  return rewrite.stripPrefix === null ? (path) => path : createStrip(rewrite.stripPrefix)
}

/**
 * The loader saw to it that the prefix is made of the first segments of every path of the route, so the route's match
 * means that they are there. They are counted, not compared: `%3A` matches where the config says ':'.
 */
function createStrip(prefix: string): Rewrite {
  const segments = prefix.split('/').length - 1
  return (path) => {
    let at = 0
    for (let i = 0; i < segments; i++) {
      at = path.indexOf('/', at + 1)
      if (at < 0) return '/'
    }
    return path.slice(at)
  }
}

function createTemplate(template: string): Rewrite {
  const open = template.endsWith('/*')
  const pieces = (open ? template.slice(0, -2) : template)
    .split(/(\{[^}]*\})/)
    .filter((piece) => piece !== '')
  return (_path, match) => {
    let out = ''
    for (const piece of pieces) {
      const at = piece.startsWith('{') ? match.entry.names.indexOf(piece.slice(1, -1)) : -1
      out += at < 0 ? piece : (match.values[at] as string)
    }
    return (open ? out + match.rest : out) || '/'
  }
}
