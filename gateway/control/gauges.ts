// The control plane's own instruments. Main thread.
import type { TargetHealth } from '../contract/protocol.ts'
import type { CounterStats } from '../shared-state/counter-table.ts'
import type { MetricsMerge } from './metrics.ts'

/** Series of targets' health: with an upstream per tenant there may be any number of targets. */
const mostTargets = 5_000

export interface Gauges {
  /** Brings up to date what is only read, not reported; called before each scrape. */
  scrape(): void
  version(version: number): void
  reload(ok: boolean): void
  health(states: readonly TargetHealth[]): void
  workerGone(cause: 'died' | 'blocked'): void
}

export function createGauges(metrics: MetricsMerge['own'], counters: () => CounterStats): Gauges {
  const version = metrics.gauge('aegis_config_version', 'Number of the config that all workers run.', [])
  const lastOk = metrics.gauge(
    'aegis_config_last_reload_success',
    'Whether the config on disk was accepted when it was last read: 1 or 0.',
    [],
  )
  const reloads = metrics.counter('aegis_config_reloads_total', 'Times a config was read or changed.', [
    'result',
  ])
  const health = metrics.gauge(
    'aegis_upstream_health',
    'Whether a target is healthy and not ejected: 1 or 0.',
    ['upstream', 'target'],
  )
  const evictions = metrics.counter(
    'aegis_ratelimit_evictions_total',
    'Live rate-limit counters that were given up for want of room.',
    [],
  )
  const gone = metrics.counter('aegis_worker_replacements_total', 'Workers that died or were ended.', [
    'cause',
  ])
  let evicted = 0
  return {
    scrape() {
      const now = counters().evictions
      evictions.labels().inc(now - evicted)
      evicted = now
    },
    version: (number) => version.labels().set(number),
    reload(ok) {
      lastOk.labels().set(ok ? 1 : 0)
      reloads.labels(ok ? 'ok' : 'refused').inc()
    },
    workerGone: (cause) => gone.labels(cause).inc(),
    health(states) {
      health.reset()
      for (const state of states.slice(0, mostTargets)) {
        health.labels(state.upstream, state.target).set(state.healthy && state.ejectedUntilMs === 0 ? 1 : 0)
      }
    },
  }
}
