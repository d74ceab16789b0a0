// Items in memory, one list for each tenant. No call can reach the items of a tenant that it does not name.

export interface Item {
  readonly id: string
  readonly name: string
  readonly created_by: string
  readonly created_at: string
}

export interface ItemStore {
  list(tenant: string): Item[]
  get(tenant: string, id: string): Item | undefined
  /** null: the tenant's list is full, or there are too many tenants. */
  add(tenant: string, name: string, user: string): Item | null
  /** The item that was there. */
  remove(tenant: string, id: string): Item | undefined
}

const mostItems = 10_000
const mostTenants = 1000

export function createItemStore(): ItemStore {
  const tenants = new Map<string, Map<string, Item>>()
  let made = 0
  return {
    list: (tenant) => [...(tenants.get(tenant)?.values() ?? [])],
    get: (tenant, id) => tenants.get(tenant)?.get(id),
    add(tenant, name, user) {
      const items = tenants.get(tenant) ?? new Map<string, Item>()
      if (items.size >= mostItems || (items.size === 0 && tenants.size >= mostTenants)) return null
      made += 1
      const item = { id: String(made), name, created_by: user, created_at: new Date().toISOString() }
      items.set(item.id, item)
      tenants.set(tenant, items)
      return item
    },
    remove(tenant, id) {
      const items = tenants.get(tenant)
      const item = items?.get(id)
      items?.delete(id)
      if (items?.size === 0) tenants.delete(tenant)
      return item
    },
  }
}
