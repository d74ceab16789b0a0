// All upstreams of a worker by name, over the life of configs. Worker thread; leased by runtime.ts.
import type { Clock } from '../../contract/ports.ts'
import type { Report, TargetHealth } from '../../contract/protocol.ts'
import type { UpstreamConfig } from '../../contract/snapshot.ts'
import { type Cluster, createCluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import type { PoolLease, Pools, TargetPool } from './pools.ts'

/** One upstream as a runtime sees it. */
export interface UpstreamHandle {
  readonly name: string
  readonly config: UpstreamConfig
  readonly cluster: Cluster
  poolOf(endpoint: Endpoint): TargetPool
  /** What goes into Host for that endpoint. */
  hostOf(endpoint: Endpoint): string
}

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
}

export interface ClustersParts {
  readonly pools: Pools
  readonly clock: Clock
  readonly random: () => number
  readonly report: (report: Report) => void
}

type Handles = ReadonlyMap<string, UpstreamHandle>

export function createClusters(parts: ClustersParts): Clusters {
  return new WorkerClusters(parts)
}

class WorkerClusters implements Clusters {
  readonly #parts: ClustersParts
  /** Every generation that still serves an exchange hears of health. */
  readonly #leased = new Set<Handles>()
  #live: Handles = new Map()
  #states: ReadonlyMap<string, TargetHealth[]> = new Map()

  constructor(parts: ClustersParts) {
    this.#parts = parts
  }

  acquire(upstreams: Readonly<Record<string, UpstreamConfig>>): ClusterLease {
    const pools: PoolLease[] = []
    const release = (): void => {
      for (const pool of pools.splice(0)) pool.release()
    }
    const handles = new Map<string, UpstreamHandle>()
    try {
      for (const [name, config] of Object.entries(upstreams)) {
        handles.set(name, createHandle(name, this.#createCluster(name, config), this.#parts.pools, pools))
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
        this.#leased.delete(handles)
        release()
      },
    }
  }

  applyHealth(next: readonly TargetHealth[]): void {
    this.#states = Map.groupBy(next, (state) => state.upstream)
    for (const handles of this.#leased) {
      for (const [name, { cluster }] of handles) cluster.applyHealth(this.#states.get(name) ?? [])
    }
  }

  #createCluster(name: string, config: UpstreamConfig): Cluster {
    const { clock, random, report } = this.#parts
    const previous = this.#live.get(name)?.cluster
    const cluster = createCluster(config, {
      clock,
      random,
      onEjected: (target, untilMs) => report({ topic: 'ejected', upstream: name, target, untilMs }),
      ...(previous === undefined ? {} : { previous }),
    })
    cluster.applyHealth(this.#states.get(name) ?? [])
    return cluster
  }
}

function createHandle(name: string, cluster: Cluster, pools: Pools, leases: PoolLease[]): UpstreamHandle {
  const byUrl = new Map<string, { pool: TargetPool; host: string }>()
  for (const { url } of cluster.config.targets) {
    const lease = pools.lease(url, cluster.config)
    leases.push(lease)
    byUrl.set(url, { pool: lease.pool, host: new URL(url).host })
  }
  const of = (endpoint: Endpoint) => byUrl.get(endpoint.url) as { pool: TargetPool; host: string }
  return {
    name,
    config: cluster.config,
    cluster,
    poolOf: (endpoint) => of(endpoint).pool,
    hostOf: (endpoint) => of(endpoint).host,
  }
}
