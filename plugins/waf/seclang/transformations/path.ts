// Paths without empty segments, self-references and back-references.

export function normalizePath(value: string): string {
  return /\/[/.]|\.\/|^\.|\.$/.test(value) ? normalize(value) : value
}

export function normalizeWindowsPath(value: string): string {
  return normalizePath(value.includes('\\') ? value.replaceAll('\\', '/') : value)
}

/** Back-references do not leave the root; where a relative path begins with them they stay. */
function normalize(value: string): string {
  const isAbsolute = value.startsWith('/')
  const segments: string[] = []
  for (const segment of value.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') segments.push(segment)
    else if (segments.length > 0 && segments.at(-1) !== '..') segments.pop()
    else if (!isAbsolute) segments.push(segment)
  }
  const path = `${isAbsolute ? '/' : ''}${segments.join('/')}`
  return value.endsWith('/') && segments.length > 0 ? `${path}/` : path
}
