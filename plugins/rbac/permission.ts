// `resource:action` strings. The last colon separates; `*` stands for a whole part, `*` alone for everything.

/** Whether one permission string grants that action. Malformed ones grant nothing. Allocates nothing. */
export function permits(permission: string, resource: string, action: string): boolean {
  if (permission === '*') return true
  const colon = permission.lastIndexOf(':')
  if (colon <= 0 || colon === permission.length - 1) return false
  return isPart(permission, 0, colon, resource) && isPart(permission, colon + 1, permission.length, action)
}

function isPart(permission: string, start: number, end: number, wanted: string): boolean {
  const length = end - start
  if (length === 1 && permission.charCodeAt(start) === 42) return true
  return length === wanted.length && permission.startsWith(wanted, start)
}

export function permitsAny(permissions: readonly string[], resource: string, action: string): boolean {
  for (const permission of permissions) if (permits(permission, resource, action)) return true
  return false
}

/** null: fine; else what is wrong with a permission that an operator wrote. */
export function checkPermission(permission: string): string | null {
  if (permission === '*') return null
  const colon = permission.lastIndexOf(':')
  const parts = [permission.slice(0, Math.max(0, colon)), permission.slice(colon + 1)]
  if (colon > 0 && parts.every((part) => part === '*' || (part !== '' && !/[*\s]/.test(part)))) return null
  return `${JSON.stringify(permission)} is no permission; write resource:action, where * may stand for a whole part`
}

const actions: ReadonlyMap<string, string> = new Map([
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['OPTIONS', 'read'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'update'],
  ['DELETE', 'delete'],
])

/** Fills `{method}` with what the method does; a method that is not listed is its own action, in lower case. */
export function toAction(template: string, method: string): string {
  if (!template.includes('{method}')) return template
  const action = actions.get(method) ?? method.toLowerCase()
  return template === '{method}' ? action : template.replaceAll('{method}', () => action)
}
