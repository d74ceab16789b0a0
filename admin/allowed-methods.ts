// Which methods a path knows, for 405 answers: the router itself only says that method and path together are unknown.
// Main thread; called by server.ts.

export interface AllowedMethods {
  add(url: string, methods: readonly string[]): void
  /** Empty when no route has this path. */
  of(path: string): readonly string[]
}

export function createAllowedMethods(): AllowedMethods {
  const routes: { readonly segments: readonly string[]; readonly methods: readonly string[] }[] = []
  return {
    add: (url, methods) => void routes.push({ segments: url.split('/'), methods }),
    of(path) {
      const segments = path.split('/')
      const matching = routes.filter((route) => matches(route.segments, segments))
      return [...new Set(matching.flatMap((route) => route.methods))].sort()
    },
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false
  return pattern.every((part, index) =>
    part.startsWith(':') ? segments[index] !== '' : part === segments[index],
  )
}
