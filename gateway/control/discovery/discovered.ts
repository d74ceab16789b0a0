// One upstream, or one tenant's part of it, whose endpoints are looked up: the last good ones stay, whatever fails.
// Main thread; made by discovery.ts.
import type { DiscoveryState } from '../../contract/control-api.ts'
import type { Clock, Logger } from '../../contract/ports.ts'
import type { Feed } from '../../contract/protocol.ts'
import type { DiscoveryConfig, TargetConfig } from '../../contract/snapshot.ts'
import { lookedUpName, splitUpstreamKey, toSourceKey } from '../../contract/upstream-key.ts'
import type { QueryPorts } from '../consul/blocking-query.ts'
import type { ConsulClient } from '../consul/client.ts'
import { followConsul } from './consul-lookup.ts'
import { followDns } from './dns-lookup.ts'
import type { Finding } from './finding.ts'
import type { LastGood } from './last-good.ts'

export interface DiscoveredPorts extends QueryPorts {
  readonly clock: Clock
  readonly log: Logger
  /** null: the gateway was started without one. */
  readonly consul: ConsulClient | null
  readonly lastGood: LastGood
  readonly publish: (feed: Feed) => void
  readonly onFinding: (finding: Finding, changed: boolean) => void
}

export class Discovered {
  readonly key: string
  readonly source: string
  /** null: nothing was ever found. */
  targets: readonly TargetConfig[] | null
  readonly #discovery: DiscoveryConfig
  readonly #ports: DiscoveredPorts
  readonly #name: string
  #state: Omit<DiscoveryState, 'upstream' | 'tenant'>
  #attempted = Promise.withResolvers<void>()
  #end: () => void = () => {}

  constructor(key: string, discovery: DiscoveryConfig, ports: DiscoveredPorts) {
    this.key = key
    this.source = toSourceKey(discovery)
    this.targets = ports.lastGood.get(key, this.source)
    this.#discovery = discovery
    this.#ports = ports
    const { tenant } = splitUpstreamKey(key)
    this.#name = lookedUpName(discovery).replaceAll('{tenant}', tenant ?? '')
    const { kind } = discovery
    this.#state = { source: kind, name: this.#name, state: 'waiting', error: null, foundAt: null }
  }

  start(): void {
    if (this.targets !== null) this.tell()
    const onFinding = (finding: Finding): void => this.#take(finding)
    const { consul } = this.#ports
    if (this.#discovery.kind === 'dns') {
      this.#end = followDns(this.#name, this.#discovery, this.#ports, onFinding)
    } else if (consul === null) {
      this.#take({
        kind: 'failed',
        reason: 'the gateway was started without Consul; a restart takes the new gateway.json',
      })
    } else this.#end = followConsul(this.#name, this.#discovery, { ...this.#ports, consul }, onFinding)
  }

  stop(): void {
    this.#end()
    this.#attempted.resolve()
  }

  state(): DiscoveryState {
    return { ...splitUpstreamKey(this.key), ...this.#state }
  }

  /** Resolves once it was tried, or endpoints of an earlier run are there. */
  attempted(): Promise<void> {
    return this.targets === null ? this.#attempted.promise : Promise.resolve()
  }

  tell(): void {
    for (const feed of this.feeds()) this.#ports.publish(feed)
  }

  /** Nothing until something is known or a first attempt has failed: requests wait for that. */
  feeds(): Feed[] {
    if (this.targets === null && this.#state.state === 'waiting') return []
    return [{ topic: 'endpoints', upstream: this.key, source: this.source, targets: this.targets ?? [] }]
  }

  #take(finding: Finding): void {
    const first = this.#state.state === 'waiting'
    this.#note(finding)
    const found = finding.kind === 'targets' ? finding.targets : this.#withoutTargets(finding)
    const changed = found !== null && JSON.stringify(found) !== JSON.stringify(this.targets)
    if (changed) {
      this.targets = found
      this.#ports.lastGood.set(this.key, this.source, found)
    }
    if (changed || first) this.tell()
    this.#attempted.resolve()
    this.#ports.onFinding(finding, changed)
  }

  /** null: what is known stays. */
  #withoutTargets(finding: Finding): readonly TargetConfig[] | null {
    return finding.kind === 'empty' && this.#discovery.onEmpty === 'clear' ? [] : null
  }

  /** Logged when it begins and when it is over, not with every attempt. */
  #note(finding: Finding): void {
    const before = this.#state
    const good = finding.kind === 'targets'
    const foundAt = good ? new Date(this.#ports.clock.wallMs()).toISOString() : before.foundAt
    const error = finding.kind === 'failed' ? finding.reason : null
    this.#state = { ...before, state: good ? 'found' : finding.kind, error, foundAt }
    if (before.state === this.#state.state) return
    const { log } = this.#ports
    const fields = { upstream: this.key, [before.source]: this.#name, endpoints: this.targets?.length ?? 0 }
    if (finding.kind === 'empty') log.warn(fields, `no endpoint is registered; ${this.#emptyMeans()}`)
    else if (finding.kind === 'failed') {
      log.warn(
        { ...fields, reason: finding.reason },
        'endpoints cannot be looked up; the last good ones stay',
      )
    } else if (before.state !== 'waiting') log.info(fields, 'endpoints can be looked up again')
  }

  #emptyMeans(): string {
    return this.#discovery.onEmpty === 'clear' ? 'there are none now' : 'the last good ones stay'
  }
}
