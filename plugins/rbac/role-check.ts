// What the schema of the rbac plugin cannot say about roles. Main thread, at load.
import { checkPermission } from './permission.ts'
import { mergeRoles } from './roles.ts'
import type { RbacConfig, RoleDefinitions } from './schema.ts'

type Problem = { pointer: string; message: string }

export function checkRoles(config: RbacConfig): Problem[] {
  const problems = checkTable(config.roles, config.roles, '/roles')
  for (const [tenant, { roles }] of Object.entries(config.tenants)) {
    problems.push(
      ...checkTable(roles, mergeRoles(config.roles, roles), `/tenants/${toPointerPart(tenant)}/roles`),
    )
  }
  return problems
}

/** `own` are the roles written at that place, `all` those they may inherit from. */
function checkTable(own: RoleDefinitions, all: RoleDefinitions, at: string): Problem[] {
  const problems: Problem[] = []
  for (const [name, role] of Object.entries(own)) {
    const place = `${at}/${toPointerPart(name)}`
    role.permissions?.forEach((permission, index) => {
      const message = checkPermission(permission)
      if (message !== null) problems.push({ pointer: `${place}/permissions/${index}`, message })
    })
    role.inherits?.forEach((parent, index) => {
      if (Object.hasOwn(all, parent)) return
      const message = `role ${JSON.stringify(parent)} is not defined; define it beside ${JSON.stringify(name)} or take it out`
      problems.push({ pointer: `${place}/inherits/${index}`, message })
    })
    const circle = findCircle(name, all)
    if (circle !== null) {
      const message = `roles inherit in a circle: ${circle.join(' -> ')}; take one of these out`
      problems.push({ pointer: `${place}/inherits`, message })
    }
  }
  return problems
}

/** The shortest way from a role back to itself; null when there is none. */
function findCircle(start: string, all: RoleDefinitions): string[] | null {
  const ways = new Map<string, string[]>([[start, [start]]])
  for (const [name, way] of ways) {
    const parents = Object.hasOwn(all, name) ? (all[name]?.inherits ?? []) : []
    if (parents.includes(start)) return [...way, start]
    for (const parent of parents) if (!ways.has(parent)) ways.set(parent, [...way, parent])
  }
  return null
}

/** RFC 6901. */
function toPointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
