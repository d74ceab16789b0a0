// One upstream as a runtime sees it: its policy and its connections. Of a discovered one the targets change while it is
// in use. Worker thread; made by clusters.ts.
import type { Clock } from '../../contract/ports.ts'
import type { TargetConfig, UpstreamConfig } from '../../contract/snapshot.ts'
import type { Cluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import type { PoolLease, Pools, TargetPool } from './pools.ts'

export interface UpstreamHandle {
  readonly name: string
  readonly config: UpstreamConfig
  readonly cluster: Cluster
  /** Resolves, never rejects, once the endpoints are known or were waited for long enough; null: no need to wait. */
  readonly arriving: Promise<void> | null
  /** The upstream for requests of this tenant: itself, unless every tenant has its own. */
  of(tenantId: string | null): UpstreamHandle
  poolOf(endpoint: Endpoint): TargetPool
  /** What goes into Host for that endpoint. */
  hostOf(endpoint: Endpoint): string
}

export interface HandleParts {
  readonly name: string
  readonly cluster: Cluster
  readonly pools: Pools
  readonly clock: Clock
}

interface Held {
  readonly lease: PoolLease
  readonly host: string
}

/** How often targets that left are looked at, until their last request has ended. */
const drainCheckMs = 1000

export class TargetsHandle implements UpstreamHandle {
  readonly name: string
  readonly config: UpstreamConfig
  readonly cluster: Cluster
  arriving: Promise<void> | null = null
  readonly #parts: HandleParts
  readonly #held = new Map<string, Held>()
  /** Endpoints that left with requests under way: their pools stay until these have ended. */
  readonly #leaving = new Set<Endpoint>()
  #arrived: () => void = () => {}
  #cancelDrain: (() => void) | null = null
  #released = false

  /** Throws when a pool cannot be made; nothing is held then. */
  constructor(parts: HandleParts) {
    this.#parts = parts
    this.name = parts.name
    this.cluster = parts.cluster
    this.config = parts.cluster.config
    try {
      this.#hold(this.config.targets)
    } catch (error) {
      this.release()
      throw error
    }
  }

  of(_tenantId: string | null): UpstreamHandle {
    return this
  }

  poolOf(endpoint: Endpoint): TargetPool {
    return (this.#held.get(endpoint.url) as Held).lease.pool
  }

  hostOf(endpoint: Endpoint): string {
    return (this.#held.get(endpoint.url) as Held).host
  }

  /** Requests wait for the first word on the endpoints as long as for a connection. */
  awaitTargets(): void {
    this.arriving = new Promise((resolve) => {
      const cancel = this.#parts.clock.after(this.config.timeouts.connectMs, () => this.#arrived())
      this.#arrived = () => {
        cancel()
        this.arriving = null
        resolve()
      }
    })
  }

  setTargets(targets: readonly TargetConfig[]): void {
    if (this.#released) return
    const before = this.cluster.endpoints
    this.#hold(targets)
    this.cluster.setTargets(targets)
    for (const endpoint of before) if (!this.#isTarget(endpoint.url)) this.#leaving.add(endpoint)
    if (this.#leaving.size > 0 && this.#cancelDrain === null) this.#drainLater()
    this.#arrived()
  }

  /** True while a request is under way. */
  isBusy(): boolean {
    return this.#leaving.size > 0 || this.cluster.endpoints.some((one) => one.inFlight > 0)
  }

  release(): void {
    this.#released = true
    this.#cancelDrain?.()
    this.#arrived()
    for (const { lease } of this.#held.values()) lease.release()
    this.#held.clear()
  }

  #hold(targets: readonly TargetConfig[]): void {
    for (const { url, host } of targets) {
      if (this.#held.has(url)) continue
      const lease = this.#parts.pools.lease(url, this.config, host ?? null)
      this.#held.set(url, { lease, host: host ?? new URL(url).host })
    }
  }

  #isTarget(url: string): boolean {
    return this.cluster.endpoints.some((one) => one.url === url)
  }

  #drainLater(): void {
    this.#cancelDrain = this.#parts.clock.after(drainCheckMs, () => {
      this.#cancelDrain = null
      for (const endpoint of this.#leaving) if (endpoint.inFlight === 0) this.#letGo(endpoint)
      if (this.#leaving.size > 0) this.#drainLater()
    })
  }

  #letGo(endpoint: Endpoint): void {
    this.#leaving.delete(endpoint)
    // It may be back, or another one that left may have had the same address.
    if (this.#isTarget(endpoint.url) || [...this.#leaving].some((one) => one.url === endpoint.url)) return
    this.#held.get(endpoint.url)?.lease.release()
    this.#held.delete(endpoint.url)
  }
}
