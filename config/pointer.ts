// JSON pointers (RFC 6901) into config files. Main thread.

export type PathStep = string | number

export function toPointer(path: readonly PathStep[]): string {
  let pointer = ''
  for (const step of path) pointer += `/${escapeStep(step)}`
  return pointer
}

export function escapeStep(step: PathStep): string {
  return typeof step === 'number' ? String(step) : step.replaceAll('~', '~0').replaceAll('/', '~1')
}

export function fromPointer(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** undefined when the place does not exist. Only own keys count. */
export function valueAt(root: unknown, path: readonly PathStep[]): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return value
}

/**
 * The pointer itself when it, or the place that would hold it, exists; else its nearest ancestor of which that is
 * true. A problem of a default that nobody wrote is so shown where the operator can write it.
 */
export function anchorPointer(root: unknown, pointer: string): string {
  const path = fromPointer(pointer)
  while (path.length > 0) {
    const parent = valueAt(root, path.slice(0, -1))
    if (typeof parent === 'object' && parent !== null) break
    path.pop()
  }
  return toPointer(path)
}
