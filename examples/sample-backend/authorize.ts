// POST /aegis/authorize: the gateway's rbac plugin asks it whether a user may do something, and keeps the answer for
// `ttl` seconds. The permissions that come along answer later questions without another request.

/** What each role may do with any resource. */
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  admin: ['read', 'create', 'update', 'delete'],
  manager: ['read', 'create', 'update'],
  member: ['read', 'create'],
  viewer: ['read'],
}

const resources: readonly string[] = ['items', 'events', 'echo']

export interface Decision {
  readonly allowed: boolean
  readonly permissions: readonly string[]
  /** Seconds. */
  readonly ttl: number
}

/** `question`: { tenant_id, user_id, roles, resource, action, request: { method, path, request_id } } */
export function authorize(question: Readonly<Record<string, unknown>>): Decision {
  const roles = Array.isArray(question.roles) ? question.roles.map(String) : []
  const actions = new Set<string>()
  for (const role of roles) {
    if (!Object.hasOwn(actionsOf, role)) continue
    for (const action of actionsOf[role] ?? []) actions.add(action)
  }
  const asked = new Set([...resources, String(question.resource)])
  return {
    allowed: actions.has(String(question.action)),
    permissions: [...asked].flatMap((resource) => [...actions].map((action) => `${resource}:${action}`)),
    ttl: 60,
  }
}
