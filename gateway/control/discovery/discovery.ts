// Which upstreams' endpoints are looked up, for whom, and what is known of them. Main thread; made by start.ts, told of
// configs by live-config.ts and of tenants by the reports of workers.
import type { DiscoveryState } from '../../contract/control-api.ts'
import type { Clock, Logger } from '../../contract/ports.ts'
import type { Feed } from '../../contract/protocol.ts'
import type { DiscoveryConfig, UpstreamConfig } from '../../contract/snapshot.ts'
import { isPerTenant, splitUpstreamKey, toSourceKey, toUpstreamKey } from '../../contract/upstream-key.ts'
import type { Crowd } from '../consul/blocking-query.ts'
import type { ConsulClient } from '../consul/client.ts'
import { Discovered } from './discovered.ts'
import type { Finding } from './finding.ts'
import type { LastGood } from './last-good.ts'

export type Upstreams = Readonly<Record<string, UpstreamConfig>>

export interface DiscoveryPorts {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  readonly consul: ConsulClient | null
  /** Shared with whatever else asks Consul blocking questions. */
  readonly crowd: Crowd
  readonly lastGood: LastGood
  readonly publish: (feed: Feed) => void
  /** Endpoints changed, after the workers were told; several changes are one call. */
  readonly onChange: () => void
  readonly onLookup: (source: DiscoveryConfig['kind'], result: Finding['kind']) => void
}

export interface Discovery {
  /** Takes over the upstreams of a config; what it looks up in the same way goes on. */
  apply(upstreams: Upstreams): void
  /** A worker, known by its incarnation, serves requests of that tenant. */
  open(upstream: string, tenant: string, holder: number): void
  close(upstream: string, tenant: string, holder: number): void
  releaseAll(holder: number): void
  /** Of the config, with the endpoints known now; tenants' parts by their keys. */
  upstreams(): Upstreams
  states(): readonly DiscoveryState[]
  /** What a new worker must hear first. */
  replay(): Feed[]
  /** Resolves once every shared upstream was tried, at the latest after `timeoutMs`. */
  settled(timeoutMs: number): Promise<void>
  stop(): Promise<void>
}

export function createDiscovery(ports: DiscoveryPorts): Discovery {
  return new ControlDiscovery(ports)
}

/** Changes that come together, such as those of a deployment, are one change. */
const changeAfterMs = 20

class ControlDiscovery implements Discovery {
  readonly #ports: DiscoveryPorts
  #upstreams: Upstreams = {}
  /** Who wants a tenant's part, by its key. */
  readonly #holders = new Map<string, Set<number>>()
  readonly #running = new Map<string, Discovered>()
  #cancelChange: (() => void) | null = null

  constructor(ports: DiscoveryPorts) {
    this.#ports = ports
  }

  apply(upstreams: Upstreams): void {
    this.#upstreams = upstreams
    this.#ports.lastGood.retain((key) => isDiscovered(upstreams[splitUpstreamKey(key).upstream]))
    for (const key of this.#running.keys()) if (this.#wanted(key) === null) this.#end(key)
    for (const [name, { discovery }] of Object.entries(upstreams)) {
      if (discovery !== null && !isPerTenant(discovery)) this.#follow(name)
    }
    for (const key of this.#holders.keys()) this.#follow(key)
    // At once: health checks of upstreams that are gone end with them.
    this.#changed()
  }

  open(upstream: string, tenant: string, holder: number): void {
    const key = toUpstreamKey(upstream, tenant)
    const holders = this.#holders.get(key) ?? new Set()
    this.#holders.set(key, holders.add(holder))
    const running = this.#running.get(key)
    // The one that asks may not have been there when it was told; the others know it already.
    if (running === undefined) this.#follow(key)
    else running.tell()
  }

  close(upstream: string, tenant: string, holder: number): void {
    this.#release(toUpstreamKey(upstream, tenant), holder)
  }

  releaseAll(holder: number): void {
    for (const key of [...this.#holders.keys()]) this.#release(key, holder)
  }

  upstreams(): Upstreams {
    const now: Record<string, UpstreamConfig> = {}
    for (const [name, config] of Object.entries(this.#upstreams)) {
      if (config.discovery === null) now[name] = config
    }
    for (const { key, targets } of this.#running.values()) {
      const config = this.#upstreams[splitUpstreamKey(key).upstream]
      if (config !== undefined) now[key] = { ...config, name: key, targets: targets ?? [] }
    }
    return now
  }

  states(): readonly DiscoveryState[] {
    return [...this.#running.values()].map((one) => one.state())
  }

  replay(): Feed[] {
    return [...this.#running.values()].flatMap((one) => one.feeds())
  }

  async settled(timeoutMs: number): Promise<void> {
    const shared = [...this.#running.values()].filter(({ key }) => !this.#holders.has(key))
    const late = Promise.withResolvers<void>()
    const cancel = this.#ports.clock.after(timeoutMs, late.resolve)
    await Promise.race([Promise.all(shared.map((one) => one.attempted())), late.promise])
    cancel()
  }

  async stop(): Promise<void> {
    for (const one of this.#running.values()) one.stop()
    this.#running.clear()
    this.#cancelChange?.()
    await this.#ports.lastGood.flush()
  }

  #release(key: string, holder: number): void {
    const holders = this.#holders.get(key)
    if (holders?.delete(holder) !== true || holders.size > 0) return
    this.#holders.delete(key)
    this.#end(key)
    this.#changeSoon()
  }

  /** How the endpoints of that key are looked up; null: they are not. */
  #wanted(key: string): DiscoveryConfig | null {
    const { upstream, tenant } = splitUpstreamKey(key)
    const discovery = this.#upstreams[upstream]?.discovery ?? null
    return isPerTenant(discovery) === (tenant !== null) ? discovery : null
  }

  #follow(key: string): void {
    const discovery = this.#wanted(key)
    if (discovery === null) return
    const running = this.#running.get(key)
    if (running?.source === toSourceKey(discovery)) return
    running?.stop()
    const discovered = new Discovered(key, discovery, {
      ...this.#ports,
      onFinding: (finding, changed) => {
        this.#ports.onLookup(discovery.kind, finding.kind)
        if (changed) this.#changeSoon()
      },
    })
    this.#running.set(key, discovered)
    discovered.start()
    this.#changeSoon()
  }

  #end(key: string): void {
    const running = this.#running.get(key)
    if (running === undefined) return
    running.stop()
    this.#running.delete(key)
    this.#ports.publish({ topic: 'endpoints', upstream: key, source: running.source, targets: null })
  }

  #changeSoon(): void {
    this.#cancelChange ??= this.#ports.clock.after(changeAfterMs, () => this.#changed())
  }

  #changed(): void {
    this.#cancelChange?.()
    this.#cancelChange = null
    this.#ports.onChange()
  }
}

function isDiscovered(config: UpstreamConfig | undefined): boolean {
  return config !== undefined && config.discovery !== null
}
