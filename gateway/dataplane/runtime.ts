// What one worker compiled out of a snapshot: router, chains, clusters. Worker thread; made by worker.ts on `prepare`.
import type { Logger } from '../contract/ports.ts'
import type { Reply } from '../contract/reply.ts'
import type { RouteConfig, Snapshot } from '../contract/snapshot.ts'
import { type Chain, compileChain, type Instance } from './chain.ts'
import type { Exchange } from './exchange.ts'
import type { InstanceLease, InstanceStore } from './instances.ts'
import type { LongLived } from './long-lived.ts'
import type { Peers } from './peers.ts'
import { createRewrite, type Rewrite } from './rewrite.ts'
import { createRouter, type Router } from './router.ts'
import { createSplit } from './split.ts'
import { createTenantDirectory, type TenantDirectory } from './tenancy.ts'
import type { Caller } from './upstream/caller.ts'
import type { ClusterLease, Clusters } from './upstream/clusters.ts'
import { createMirror, type Mirror, type MirrorParts } from './upstream/mirror.ts'
import type { UpstreamHandle } from './upstream/upstream-handle.ts'
import type { Via } from './via.ts'

export interface CompiledRoute {
  readonly chain: Chain
  readonly rewrite: Rewrite
  /** One of the route's upstreams, by weight; of a per-tenant one, the part of the request's tenant. */
  pickUpstream(caller: Caller): UpstreamHandle
  /** null: its requests are not copied. */
  readonly mirror: Mirror | null
}

export interface Runtime {
  readonly snapshot: Snapshot
  readonly router: Router<CompiledRoute>
  readonly tenants: TenantDirectory
  readonly peers: Peers
  readonly via: Via
  /** Its onLog hooks see requests that never met a route. */
  readonly unrouted: Chain
  readonly instances: readonly Instance[]
  readonly slotCount: number
  readonly log: Logger
  /** True while the process drains: /health says so. */
  readonly draining: () => boolean
  /** A refusal while the worker has too much to do. */
  readonly shed: (ex: Exchange) => Reply | undefined
  /** Its WebSockets and event streams. */
  readonly longLived: LongLived
  /** It is the live one now. */
  activate(): void
  begin(): void
  end(): void
  /** No new exchange will begin; what it holds is let go after the last one. */
  retire(): void
}

export interface RuntimeParts {
  readonly instances: InstanceStore
  readonly clusters: Clusters
  readonly peers: Peers
  readonly via: Via
  readonly log: Logger
  readonly random: () => number
  readonly draining: () => boolean
  readonly shed: Runtime['shed']
  readonly countMirrored: MirrorParts['count']
  readonly longLived: LongLived
}

/** Rejects when a plugin cannot start or a part does not fit; nothing is held then. */
export async function compileRuntime(snapshot: Snapshot, parts: RuntimeParts): Promise<Runtime> {
  const lease = await parts.instances.acquire(snapshot.plugins)
  try {
    const upstreams = parts.clusters.acquire(snapshot.upstreams)
    try {
      return compileParts(snapshot, parts, lease, upstreams)
    } catch (error) {
      upstreams.release()
      throw error
    }
  } catch (error) {
    lease.release()
    throw error
  }
}

function compileParts(
  snapshot: Snapshot,
  parts: RuntimeParts,
  lease: InstanceLease,
  upstreams: ClusterLease,
): Runtime {
  const compile = (route: RouteConfig): CompiledRoute => {
    const split = createSplit(
      route.upstream.map(({ name, weight }) => ({ name, weight, upstream: upstreams.get(name) })),
      route.sticky,
      parts.random,
    )
    return {
      chain: compileChain(lease.instances, route),
      rewrite: createRewrite(route.rewrite),
      mirror: compileMirror(route, parts, upstreams),
      pickUpstream: (caller) => split(caller).of(caller.tenant === null ? null : caller.tenant.id),
    }
  }
  const holding = createHolding(() => {
    lease.release()
    upstreams.release()
  })
  return {
    snapshot,
    router: createRouter(snapshot.routes, compile),
    tenants: createTenantDirectory(snapshot),
    peers: parts.peers,
    via: parts.via,
    unrouted: compileChain(lease.instances, null),
    instances: lease.instances,
    slotCount: parts.instances.slotCount(),
    log: parts.log,
    draining: parts.draining,
    shed: parts.shed,
    longLived: parts.longLived,
    activate: () => upstreams.activate(),
    ...holding,
  }
}

/** The live config, for an exchange that still holds the plugins and upstreams of an old one. */
export function inPlaceOf({ begin, end, retire }: Runtime, live: Runtime): Runtime {
  return { ...live, begin, end, retire }
}

function compileMirror(
  { mirror }: RouteConfig,
  { random, countMirrored }: RuntimeParts,
  upstreams: ClusterLease,
): Mirror | null {
  if (mirror === null) return null
  const upstream = upstreams.get(mirror.upstream)
  return createMirror({ config: mirror, upstream, random, count: countMirrored })
}

/** Lets go once, after it was retired and the last exchange has ended. */
function createHolding(letGo: () => void): Pick<Runtime, 'begin' | 'end' | 'retire'> {
  let inFlight = 0
  let retired = false
  return {
    begin() {
      inFlight += 1
    },
    end() {
      inFlight -= 1
      if (retired && inFlight === 0) letGo()
    },
    retire() {
      if (retired) return
      retired = true
      if (inFlight === 0) letGo()
    },
  }
}
