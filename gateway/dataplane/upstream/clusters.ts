// All upstreams of a worker by name, over the life of configs. Worker thread; leased by runtime.ts.
import type { Clock } from '../../contract/ports.ts'
import type { Feed, Report, TargetHealth } from '../../contract/protocol.ts'
import type { TargetConfig, UpstreamConfig } from '../../contract/snapshot.ts'
import { isPerTenant, toSourceKey, toUpstreamKey } from '../../contract/upstream-key.ts'
import { type Cluster, createCluster } from './cluster.ts'
import type { ClusterMetrics } from './cluster-metrics.ts'
import type { Pools } from './pools.ts'
import { TenantHandles, type TenantPart, type TenantUse } from './tenant-handles.ts'
import { TargetsHandle, type UpstreamHandle } from './upstream-handle.ts'

export interface ClusterLease {
  /** Throws for a name that the snapshot does not define: the loader refuses those. */
  get(name: string): UpstreamHandle
  /** From now on these are what the next config takes over from; a config that was refused never gets here. */
  activate(): void
  release(): void
}

export interface Clusters {
  acquire(upstreams: Readonly<Record<string, UpstreamConfig>>): ClusterLease
  applyHealth(states: readonly TargetHealth[]): void
  applyEndpoints(feed: EndpointsFeed): void
  /** Brings the gauges up to date. */
  publishMetrics(): void
}

export type EndpointsFeed = Extract<Feed, { topic: 'endpoints' }>

export interface ClustersParts {
  readonly pools: Pools
  readonly clock: Clock
  readonly random: () => number
  readonly report: (report: Report) => void
  readonly metrics: ClusterMetrics
}

type Handles = ReadonlyMap<string, TargetsHandle>

/** A tenant's part of an upstream is given up when it had no request for this long. */
const tenantIdleMs = 600_000

export function createClusters(parts: ClustersParts): Clusters {
  return new WorkerClusters(parts)
}

class WorkerClusters implements Clusters {
  readonly #parts: ClustersParts
  /** Every generation that still serves an exchange hears of health and endpoints. */
  readonly #leased = new Set<Handles>()
  #live: Handles = new Map()
  #states: ReadonlyMap<string, TargetHealth[]> = new Map()
  /** What is known of discovered upstreams, by key. */
  readonly #known = new Map<string, EndpointsFeed>()
  /** Tenants' parts that the control plane was asked for, by key. */
  readonly #uses = new Map<string, TenantUse>()
  #sweeping = false

  constructor(parts: ClustersParts) {
    this.#parts = parts
  }

  acquire(upstreams: Readonly<Record<string, UpstreamConfig>>): ClusterLease {
    const handles = new Map<string, TargetsHandle>()
    const release = (): void => {
      for (const handle of handles.values()) handle.release()
    }
    try {
      for (const [name, config] of Object.entries(upstreams)) {
        handles.set(name, this.#createHandle(name, config))
      }
    } catch (error) {
      release()
      throw error
    }
    this.#leased.add(handles)
    return {
      get(name) {
        const handle = handles.get(name)
        if (handle === undefined) throw new Error(`no upstream is named ${name}`)
        return handle
      },
      activate: () => {
        this.#live = handles
      },
      release: () => {
        if (this.#leased.delete(handles)) release()
      },
    }
  }

  applyHealth(next: readonly TargetHealth[]): void {
    this.#states = Map.groupBy(next, (state) => state.upstream)
    for (const { cluster } of this.#everyHandle()) {
      cluster.applyHealth(this.#states.get(cluster.config.name) ?? [])
    }
  }

  applyEndpoints(feed: EndpointsFeed): void {
    if (feed.targets === null) {
      this.#known.delete(feed.upstream)
      return
    }
    this.#known.set(feed.upstream, feed)
    for (const handle of this.#everyHandle()) {
      const { name, discovery } = handle.cluster.config
      if (name !== feed.upstream || toSourceKey(discovery) !== feed.source) continue
      handle.setTargets(feed.targets)
      handle.cluster.applyHealth(this.#states.get(name) ?? [])
    }
  }

  publishMetrics(): void {
    this.#parts.metrics.publish(this.#liveClusters())
  }

  *#liveClusters(): Generator<Cluster> {
    for (const handle of this.#live.values()) {
      yield handle.cluster
      if (handle instanceof TenantHandles)
        for (const part of handle.parts().values()) yield part.handle.cluster
    }
  }

  *#everyHandle(): Generator<TargetsHandle> {
    for (const handles of this.#leased) {
      for (const handle of handles.values()) {
        yield handle
        if (handle instanceof TenantHandles) for (const part of handle.parts().values()) yield part.handle
      }
    }
  }

  #createHandle(name: string, config: UpstreamConfig): TargetsHandle {
    const { pools, clock } = this.#parts
    if (!isPerTenant(config.discovery)) return this.#createKnown(name, null, config)
    const cluster = this.#createCluster(config, undefined)
    return new TenantHandles({ name, cluster, pools, clock }, (tenant) => this.#openPart(config, tenant))
  }

  /** With the targets known by now. */
  #createKnown(name: string, tenant: string | null, config: UpstreamConfig): TargetsHandle {
    const { pools, clock } = this.#parts
    const key = toUpstreamKey(name, tenant)
    const targets = config.discovery === null ? config.targets : this.#knownTargets(key, config)
    const own = { ...config, name: key, targets: targets ?? [] }
    const handle = new TargetsHandle({
      ...{ name, pools, clock },
      cluster: this.#createCluster(own, this.#previous(name, tenant)),
    })
    if (targets === null) handle.awaitTargets()
    return handle
  }

  #knownTargets(key: string, { discovery }: UpstreamConfig): readonly TargetConfig[] | null {
    const known = this.#known.get(key)
    return known?.source === toSourceKey(discovery) ? known.targets : null
  }

  #previous(name: string, tenant: string | null): Cluster | undefined {
    const live = this.#live.get(name)
    if (tenant === null) return live?.cluster
    return live instanceof TenantHandles ? live.parts().get(tenant)?.handle.cluster : undefined
  }

  #createCluster(config: UpstreamConfig, previous: Cluster | undefined): Cluster {
    const { clock, random, report } = this.#parts
    const { name } = config
    const cluster = createCluster(config, {
      clock,
      random,
      onEjected: (target, untilMs) => report({ topic: 'ejected', upstream: name, target, untilMs }),
      ...this.#parts.metrics.portsOf(name),
      ...(previous === undefined ? {} : { previous }),
    })
    cluster.applyHealth(this.#states.get(name) ?? [])
    return cluster
  }

  #openPart(config: UpstreamConfig, tenant: string): TenantPart {
    const upstream = config.name
    const key = toUpstreamKey(upstream, tenant)
    const handle = this.#createKnown(upstream, tenant, config)
    let use = this.#uses.get(key)
    if (use === undefined) {
      use = { upstream, tenant, usedAtMs: 0 }
      this.#uses.set(key, use)
      this.#parts.report({ topic: 'upstream-open', upstream, tenant })
    }
    if (!this.#sweeping) this.#sweepLater()
    return { handle, use }
  }

  #sweepLater(): void {
    this.#sweeping = true
    this.#parts.clock.after(tenantIdleMs / 10, () => {
      this.#sweep()
      this.#sweeping = false
      if (this.#uses.size > 0) this.#sweepLater()
    })
  }

  #sweep(): void {
    const idleSinceMs = this.#parts.clock.monotonicMs() - tenantIdleMs
    for (const [key, { upstream, tenant, usedAtMs }] of this.#uses) {
      if (usedAtMs > idleSinceMs) continue
      const owners = [...this.#leased]
        .map((handles) => handles.get(upstream))
        .filter((handle) => handle instanceof TenantHandles)
      if (owners.some((owner) => owner.parts().get(tenant)?.handle.isBusy() === true)) continue
      for (const owner of owners) owner.drop(tenant)
      this.#uses.delete(key)
      this.#known.delete(key)
      this.#parts.report({ topic: 'upstream-close', upstream, tenant })
    }
  }
}
