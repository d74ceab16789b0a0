// All upstreams of a worker by name, over the life of configs. Worker thread; leased by runtime.ts.
import type { Pool } from 'undici'
import type { Clock } from '../../contract/ports.ts'
import type { Report, TargetHealth } from '../../contract/protocol.ts'
import type { UpstreamConfig } from '../../contract/snapshot.ts'
import { type Cluster, createCluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import type { PoolLease, Pools } from './pools.ts'

/** One upstream as a runtime sees it. */
export interface UpstreamHandle {
  readonly name: string
  readonly config: UpstreamConfig
  readonly cluster: Cluster
  poolOf(endpoint: Endpoint): Pool
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

export function createClusters(parts: ClustersParts): Clusters {
  let live: ReadonlyMap<string, UpstreamHandle> = new Map()
  // Every generation that still serves an exchange hears of health.
  const leased = new Set<ReadonlyMap<string, UpstreamHandle>>()
  let states: ReadonlyMap<string, TargetHealth[]> = new Map()
  return {
    acquire(upstreams) {
      const handles = new Map<string, UpstreamHandle>()
      const pools: PoolLease[] = []
      for (const [name, config] of Object.entries(upstreams)) {
        const previous = live.get(name)?.cluster
        const cluster = createCluster(config, {
          clock: parts.clock,
          random: parts.random,
          onEjected: (target, untilMs) => parts.report({ topic: 'ejected', upstream: name, target, untilMs }),
          ...(previous === undefined ? {} : { previous }),
        })
        cluster.applyHealth(states.get(name) ?? [])
        handles.set(name, createHandle(name, cluster, parts.pools, pools))
      }
      leased.add(handles)
      return {
        get(name) {
          const handle = handles.get(name)
          if (handle === undefined) throw new Error(`no upstream is named ${name}`)
          return handle
        },
        activate() {
          live = handles
        },
        release() {
          leased.delete(handles)
          for (const pool of pools) pool.release()
        },
      }
    },
    applyHealth(next) {
      states = Map.groupBy(next, (state) => state.upstream)
      for (const handles of leased) {
        for (const [name, { cluster }] of handles) cluster.applyHealth(states.get(name) ?? [])
      }
    },
  }
}

function createHandle(name: string, cluster: Cluster, pools: Pools, leases: PoolLease[]): UpstreamHandle {
  const byUrl = new Map<string, { pool: Pool; host: string }>()
  for (const { url } of cluster.config.targets) {
    const lease = pools.lease(url, cluster.config)
    leases.push(lease)
    byUrl.set(url, { pool: lease.pool, host: new URL(url).host })
  }
  const of = (endpoint: Endpoint) => byUrl.get(endpoint.url) as { pool: Pool; host: string }
  return {
    name,
    config: cluster.config,
    cluster,
    poolOf: (endpoint) => of(endpoint).pool,
    hostOf: (endpoint) => of(endpoint).host,
  }
}
