// Places at one upstream, shared fairly by tenants: who may go at once, who waits, and who is turned away when too many
// wait. Worker; used by cluster.ts. Why so: docs/decisions/fair-shedding.md.

export interface Waiting {
  readonly tenantId: string
  /** There is a place now. Begins a try before it returns, or has given up. */
  go(): void
  /** Another one waits in its stead, or nobody can. */
  refuse(): void
}

export interface Capacity {
  /** Tries under way at a time. */
  readonly maxConnections: number
  readonly maxPending: number
  /** Tries of one tenant under way at a time; 0: no cap of its own. */
  readonly maxPerTenant: number
}

/** Kept while a tenant has anything under way or waiting: there are never more of them than places. */
interface Tenant {
  active: number
  readonly waiting: Waiting[]
  /** When it was last given a place that it waited for. */
  servedAt: number
}

export class FairLine {
  readonly #onRefused: () => void
  readonly #tenants = new Map<string, Tenant>()
  #active = 0
  #waiting = 0
  #served = 0
  /** Those who wait are about to be called. */
  #calling = false

  constructor(onRefused: () => void) {
    this.#onRefused = onRefused
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#waiting
  }

  /** False: all places are taken, or the tenant has its own share of them, or others are about to be called. */
  hasPlace(tenantId: string, { maxConnections, maxPerTenant }: Capacity): boolean {
    if (this.#active >= maxConnections || this.#calling) return false
    if (maxPerTenant === 0) return true
    return (this.#tenants.get(tenantId)?.active ?? 0) < maxPerTenant
  }

  began(tenantId: string): void {
    this.#tenantOf(tenantId).active += 1
    this.#active += 1
  }

  ended(tenantId: string, capacity: Capacity): void {
    const tenant = this.#tenants.get(tenantId)
    if (tenant === undefined || tenant.active === 0) return
    tenant.active -= 1
    this.#active -= 1
    this.#forgetIdle(tenantId, tenant)
    if (this.#waiting > 0) this.#callSoon(capacity)
  }

  /**
   * Waits behind those of its own tenant. When there is no room to wait, the newest one of the tenant that has most under
   * way and waiting is refused (longest queue drop, as in Suter and others 1999): this one, unless its tenant has less.
   */
  join(one: Waiting, capacity: Capacity): void {
    if (this.#waiting >= capacity.maxPending && !this.#makeRoom(one.tenantId)) {
      this.#refuse(one)
      return
    }
    this.#tenantOf(one.tenantId).waiting.push(one)
    this.#waiting += 1
  }

  /** It no longer wants a place. */
  leave(one: Waiting): void {
    const tenant = this.#tenants.get(one.tenantId)
    const at = tenant?.waiting.indexOf(one) ?? -1
    if (tenant === undefined || at < 0) return
    tenant.waiting.splice(at, 1)
    this.#waiting -= 1
    this.#forgetIdle(one.tenantId, tenant)
  }

  /** It waited too long. */
  giveUp(one: Waiting): void {
    this.leave(one)
    this.#refuse(one)
  }

  #refuse(one: Waiting): void {
    this.#onRefused()
    one.refuse()
  }

  #makeRoom(forTenant: string): boolean {
    const own = holdingOf(this.#tenants.get(forTenant))
    let greediest: Tenant | null = null
    let greediestId = ''
    for (const [id, tenant] of this.#tenants) {
      if (tenant.waiting.length === 0 || holdingOf(tenant) <= holdingOf(greediest)) continue
      greediest = tenant
      greediestId = id
    }
    // With one more the two would only change places.
    if (greediest === null || holdingOf(greediest) <= own + 1) return false
    const newest = greediest.waiting.pop() as Waiting
    this.#waiting -= 1
    this.#forgetIdle(greediestId, greediest)
    this.#refuse(newest)
    return true
  }

  /** Not at once: the try that just ended may be repeated, and what waits must not run within its end. */
  #callSoon(capacity: Capacity): void {
    if (this.#calling) return
    this.#calling = true
    queueMicrotask(() => {
      this.#calling = false
      while (this.#active < capacity.maxConnections) {
        const next = this.#takeNext(capacity)
        if (next === null) return
        next.go()
      }
    })
  }

  /** The oldest one of the tenant that has least under way; of equals, that which waits longest for its turn. */
  #takeNext({ maxPerTenant }: Capacity): Waiting | null {
    let neediest: Tenant | null = null
    let neediestId = ''
    for (const [id, tenant] of this.#tenants) {
      if (tenant.waiting.length === 0 || (maxPerTenant > 0 && tenant.active >= maxPerTenant)) continue
      if (neediest !== null && !isNeedier(tenant, neediest)) continue
      neediest = tenant
      neediestId = id
    }
    const next = neediest?.waiting.shift()
    if (neediest === null || next === undefined) return null
    this.#waiting -= 1
    neediest.servedAt = ++this.#served
    this.#forgetIdle(neediestId, neediest)
    return next
  }

  #tenantOf(id: string): Tenant {
    let tenant = this.#tenants.get(id)
    if (tenant === undefined) {
      tenant = { active: 0, waiting: [], servedAt: 0 }
      this.#tenants.set(id, tenant)
    }
    return tenant
  }

  #forgetIdle(id: string, tenant: Tenant): void {
    if (tenant.active === 0 && tenant.waiting.length === 0) this.#tenants.delete(id)
  }
}

function holdingOf(tenant: Tenant | null | undefined): number {
  return tenant === null || tenant === undefined ? 0 : tenant.active + tenant.waiting.length
}

function isNeedier(one: Tenant, other: Tenant): boolean {
  return one.active < other.active || (one.active === other.active && one.servedAt < other.servedAt)
}
