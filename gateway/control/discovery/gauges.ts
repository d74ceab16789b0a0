// The metrics of discovery. Main thread. Tenants' parts are added up under their upstream, so that no number of tenants
// makes more series.
import type { DiscoveryConfig } from '../../contract/snapshot.ts'
import { splitUpstreamKey } from '../../contract/upstream-key.ts'
import type { OwnMetrics } from '../metrics.ts'
import type { Discovery } from './discovery.ts'
import type { Finding } from './finding.ts'

export interface DiscoveryGauges {
  consul(up: boolean): void
  lookup(source: DiscoveryConfig['kind'], result: Finding['kind']): void
  /** Called before each scrape. */
  scrape(discovery: Pick<Discovery, 'upstreams' | 'states'>): void
}

export function createDiscoveryGauges(metrics: OwnMetrics): DiscoveryGauges {
  // Made with the first word of Consul: a gauge that nobody set would say 0 where there is no Consul at all.
  const consul = () =>
    metrics.gauge('aegis_consul_up', 'Whether Consul answered when it was last asked: 1 or 0.', [])
  const lookups = metrics.counter('aegis_discovery_lookups_total', 'Answers to look-ups of endpoints.', [
    'source',
    'result',
  ])
  const endpoints = metrics.gauge('aegis_discovery_endpoints', 'Endpoints known of a discovered upstream.', [
    'upstream',
  ])
  const stale = metrics.gauge(
    'aegis_discovery_stale',
    'Services of an upstream whose last look-up failed or was empty, so that the last good endpoints stay.',
    ['upstream'],
  )
  return {
    consul: (up) =>
      consul()
        .labels()
        .set(up ? 1 : 0),
    lookup: (source, result) => lookups.labels(source, result).inc(),
    scrape(discovery) {
      const known = discovery.upstreams()
      const sums = new Map<string, { endpoints: number; stale: number }>()
      for (const { upstream, state } of discovery.states()) {
        const sum = sums.get(upstream) ?? { endpoints: 0, stale: 0 }
        if (state === 'failed' || state === 'empty') sum.stale += 1
        sums.set(upstream, sum)
      }
      for (const [key, { targets }] of Object.entries(known)) {
        const sum = sums.get(splitUpstreamKey(key).upstream)
        if (sum !== undefined) sum.endpoints += targets.length
      }
      endpoints.reset()
      stale.reset()
      for (const [upstream, sum] of sums) {
        endpoints.labels(upstream).set(sum.endpoints)
        stale.labels(upstream).set(sum.stale)
      }
    },
  }
}
