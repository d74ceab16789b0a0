// The path that the upstream gets. Compiled once per route; worker thread. Works on the canonical, still encoded path,
// so that what policy judged and what goes up cannot differ.
import type { RouteConfig } from '../contract/snapshot.ts'
import type { RouteMatch } from './router.ts'

export type Rewrite = (path: string, match: RouteMatch<unknown>) => string

export function createRewrite(rewrite: RouteConfig['rewrite']): Rewrite {
  if (rewrite === null) return (path) => path
  if (rewrite.path !== null) return createTemplate(rewrite.path)
  const prefix = rewrite.stripPrefix
  if (prefix === null) return (path) => path
  return (path) => path.slice(prefix.length) || '/'
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
