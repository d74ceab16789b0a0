// What upstreams refuse, repeat and hold, counted. Worker thread; made by worker.ts, used by clusters.ts.
import type { MetricsPort } from '../../contract/ports.ts'
import { splitUpstreamKey } from '../../contract/upstream-key.ts'
import type { Cluster, ClusterPorts } from './cluster.ts'

export interface ClusterMetrics {
  /** For the cluster of that key; tenants' parts of one upstream count together. */
  portsOf(key: string): Required<Pick<ClusterPorts, 'onRefused' | 'onRetry'>>
  /** Writes the gauges; called before each dump. */
  publish(clusters: Iterable<Cluster>): void
}

export function createClusterMetrics(metrics: MetricsPort): ClusterMetrics {
  const refusals = metrics.counter(
    'aegis_upstream_refusals_total',
    'Requests that got no try: breaker open, no place in time, no healthy target.',
    ['upstream', 'reason'],
  )
  const retries = metrics.counter(
    'aegis_upstream_retries_total',
    'Retries made, and those that the budget forbade.',
    ['upstream', 'result'],
  )
  const requests = metrics.gauge(
    'aegis_upstream_requests',
    'Requests at an upstream, under way or waiting.',
    ['upstream', 'state'],
  )
  const open = metrics.gauge(
    'aegis_upstream_breaker_open',
    'Whether the breaker holds requests back: 1 or 0.',
    ['upstream'],
  )
  return {
    portsOf(key) {
      const { upstream } = splitUpstreamKey(key)
      return {
        onRefused: (reason) => refusals.labels(upstream, reason).inc(),
        onRetry: (allowed) => retries.labels(upstream, allowed ? 'made' : 'forbidden').inc(),
      }
    },
    publish(clusters) {
      for (const [upstream, sum] of sumUp(clusters)) {
        requests.labels(upstream, 'active').set(sum.active)
        requests.labels(upstream, 'waiting').set(sum.waiting)
        open.labels(upstream).set(sum.open ? 1 : 0)
      }
    },
  }
}

interface Sum {
  active: number
  waiting: number
  open: boolean
}

function sumUp(clusters: Iterable<Cluster>): Map<string, Sum> {
  const sums = new Map<string, Sum>()
  for (const cluster of clusters) {
    const { upstream } = splitUpstreamKey(cluster.config.name)
    const { active, waiting, open } = cluster.load()
    const sum = sums.get(upstream)
    if (sum === undefined) sums.set(upstream, { active, waiting, open })
    else {
      sum.active += active
      sum.waiting += waiting
      sum.open ||= open
    }
  }
  return sums
}
