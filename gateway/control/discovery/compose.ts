// Puts discovery together: one Consul client, what is kept on disk, metrics. Main thread; called by gateway/start.ts.
import { join } from 'node:path'
import type { Clock, Logger } from '../../contract/ports.ts'
import type { Feed } from '../../contract/protocol.ts'
import type { GatewayConfig } from '../../contract/snapshot.ts'
import type { Crowd } from '../consul/blocking-query.ts'
import { type ConsulClient, createConsulClient } from '../consul/client.ts'
import { createDiscovery, type Discovery, type Upstreams } from './discovery.ts'
import type { DiscoveryGauges } from './gauges.ts'
import { createLastGood } from './last-good.ts'

export interface ConsulParts {
  readonly client: ConsulClient
  /** All blocking queries of the process. */
  readonly crowd: Crowd
}

export interface DiscoveryOptions {
  readonly consul: ConsulParts | null
  readonly gauges: DiscoveryGauges
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Logger
  readonly publish: (feed: Feed) => void
  /** The upstreams as they are now, with the endpoints that are known. */
  readonly onChange: (upstreams: Upstreams) => void
}

/** null when gateway.json names no Consul. */
export function connectConsul({ consul }: Pick<GatewayConfig, 'consul'>, clock: Clock): ConsulParts | null {
  if (consul === null) return null
  return { client: createConsulClient({ ...consul, clock }), crowd: { size: 0 } }
}

export function reportConsul({ client }: ConsulParts, gauges: DiscoveryGauges, log: Logger): void {
  client.onState(({ up, url, error }) => {
    gauges.consul(up === true)
    if (up === true) log.info({ consul: url }, 'Consul answers')
    else log.warn({ consul: url, reason: error }, 'Consul does not answer; what is known of it stays')
  })
}

export function composeDiscovery(options: DiscoveryOptions): Discovery {
  const { consul, gauges, stateDir, clock, log, publish, onChange } = options
  const discovery = createDiscovery({
    ...{ clock, log, publish, random: Math.random },
    consul: consul?.client ?? null,
    crowd: consul?.crowd ?? { size: 0 },
    lastGood: createLastGood(join(stateDir, 'endpoints.json'), clock, log),
    onLookup: gauges.lookup,
    onChange: () => onChange(discovery.upstreams()),
  })
  return discovery
}
