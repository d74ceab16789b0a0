// Roles with inheritance, compiled to flat lists. Worker thread; one table in general and one per tenant with its own roles.
import { permitsAny } from './permission.ts'
import type { RbacConfig, RoleDefinitions } from './schema.ts'

interface Role {
  /** This role and all that it inherits. */
  readonly reach: ReadonlySet<string>
  readonly permissions: readonly string[]
}

export interface RoleTable {
  /** Whether one of the roles held is, or inherits, one of those wanted. */
  hasAny(held: readonly string[], wanted: readonly string[]): boolean
  permits(held: readonly string[], resource: string, action: string): boolean
}

/** The table that holds in a tenant; null is no tenant. */
export type RoleTables = (tenant: string | null) => RoleTable

export function createRoleTables(config: Pick<RbacConfig, 'roles' | 'tenants'>): RoleTables {
  const general = createRoleTable(config.roles)
  const own = new Map<string, RoleTable>()
  for (const [tenant, { roles }] of Object.entries(config.tenants)) {
    own.set(tenant, createRoleTable(mergeRoles(config.roles, roles)))
  }
  return (tenant) => (tenant === null ? undefined : own.get(tenant)) ?? general
}

/** A tenant's role replaces the general one of the same name as a whole. */
export function mergeRoles(general: RoleDefinitions, own: RoleDefinitions): RoleDefinitions {
  return { ...general, ...own }
}

function createRoleTable(definitions: RoleDefinitions): RoleTable {
  // A Map: role names come from tokens, and `constructor` is no role.
  const roles = new Map<string, Role>()
  for (const name of Object.keys(definitions)) {
    const reach = reachOf(name, definitions)
    const permissions = [...reach].flatMap((one) => definitions[one]?.permissions ?? [])
    roles.set(name, { reach, permissions: [...new Set(permissions)] })
  }
  return {
    hasAny(held, wanted) {
      for (const name of held) {
        if (wanted.includes(name)) return true
        const reach = roles.get(name)?.reach
        if (reach !== undefined && wanted.some((one) => reach.has(one))) return true
      }
      return false
    },
    permits(held, resource, action) {
      for (const name of held) {
        const role = roles.get(name)
        if (role !== undefined && permitsAny(role.permissions, resource, action)) return true
      }
      return false
    },
  }
}

/** Everything that can be reached from a role, itself included; cycles end by themselves. */
function reachOf(name: string, definitions: RoleDefinitions): Set<string> {
  const reach = new Set([name])
  // A Set grows while it is iterated.
  for (const one of reach) {
    if (!Object.hasOwn(definitions, one)) continue
    for (const parent of definitions[one]?.inherits ?? []) reach.add(parent)
  }
  return reach
}
