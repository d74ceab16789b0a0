// An upstream of which every tenant has its own part (`{tenant}` in its service): a part is made on a tenant's first
// request. Worker thread; made by clusters.ts, which also lets go of parts that were not used for long.
import { type HandleParts, TargetsHandle, type UpstreamHandle } from './upstream-handle.ts'

/** Shared by the parts that several configs have of one tenant. */
export interface TenantUse {
  readonly upstream: string
  readonly tenant: string
  usedAtMs: number
}

export interface TenantPart {
  readonly handle: TargetsHandle
  readonly use: TenantUse
}

/** For requests without a tenant it is an upstream without targets. */
export class TenantHandles extends TargetsHandle {
  readonly #parts = new Map<string, TenantPart>()
  readonly #clock: HandleParts['clock']
  readonly #open: (tenantId: string) => TenantPart

  constructor(parts: HandleParts, open: (tenantId: string) => TenantPart) {
    super(parts)
    this.#clock = parts.clock
    this.#open = open
  }

  override of(tenantId: string | null): UpstreamHandle {
    if (tenantId === null) return this
    let part = this.#parts.get(tenantId)
    if (part === undefined) {
      part = this.#open(tenantId)
      this.#parts.set(tenantId, part)
    }
    part.use.usedAtMs = this.#clock.monotonicMs()
    return part.handle
  }

  /** The parts that tenants have had a request for. */
  parts(): ReadonlyMap<string, TenantPart> {
    return this.#parts
  }

  drop(tenantId: string): void {
    this.#parts.get(tenantId)?.handle.release()
    this.#parts.delete(tenantId)
  }

  override release(): void {
    super.release()
    for (const tenantId of [...this.#parts.keys()]) this.drop(tenantId)
  }
}
