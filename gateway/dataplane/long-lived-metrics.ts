// What is open for long, and why the gateway ended it, in the metrics. Worker thread; called by worker.ts.
import type { Clock, MetricsPort } from '../contract/ports.ts'
import { LongLived } from './long-lived.ts'

export function createLongLived(clock: Clock, metrics: MetricsPort): LongLived {
  const open = metrics.gauge('aegis_long_lived', 'WebSockets and event streams that are open.', ['kind'])
  const ended = metrics.counter(
    'aegis_long_lived_ended_total',
    'WebSockets and event streams that the gateway ended, by reason.',
    ['reason'],
  )
  return new LongLived({
    ...{ clock, random: Math.random },
    open: (kind) => open.labels(kind),
    ended: (reason) => ended.labels(reason),
  })
}
