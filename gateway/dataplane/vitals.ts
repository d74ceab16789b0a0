// How a worker is doing, for /metrics and /admin/status. Worker thread; made by worker.ts.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { countHandles } from '../contract/handles.ts'
import type { MetricsPort } from '../contract/ports.ts'
import type { StoreStatus, WorkerStatus } from '../contract/protocol.ts'

export interface VitalSigns {
  readonly connections: number
  readonly inFlight: number
  readonly version: number
  readonly redis: StoreStatus | null
}

export interface Vitals {
  status(): WorkerStatus
  /** Writes the gauges; called before each dump of the metrics. */
  publish(): void
  stop(): void
}

export function createVitals(index: number, metrics: MetricsPort, read: () => VitalSigns): Vitals {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const connections = metrics.gauge('aegis_connections', 'Open downstream connections.', [])
  const inFlight = metrics.gauge('aegis_worker_in_flight_requests', 'Requests and tunnels under way.', [])
  const heap = metrics.gauge('aegis_worker_heap_used_bytes', 'Used bytes of the V8 heap of the worker.', [])
  const external = metrics.gauge(
    'aegis_worker_external_memory_bytes',
    'Memory of the worker outside of its V8 heap: buffers.',
    [],
  )
  const lag = metrics.gauge(
    'aegis_worker_event_loop_lag_seconds',
    'Mean delay of the event loop since the last scrape.',
    [],
  )
  return {
    status() {
      const memory = process.memoryUsage()
      return {
        index,
        ...read(),
        heapUsedBytes: memory.heapUsed,
        externalBytes: memory.external,
        handles: countHandles(),
        eventLoopLagMs: meanMs(delay.mean),
      }
    },
    publish() {
      const signs = read()
      connections.labels().set(signs.connections)
      inFlight.labels().set(signs.inFlight)
      const memory = process.memoryUsage()
      heap.labels().set(memory.heapUsed)
      external.labels().set(memory.external)
      lag.labels().set(meanMs(delay.mean) / 1_000)
      delay.reset()
    },
    stop: () => delay.disable(),
  }
}

/** The histogram counts the whole interval between two looks; what is above its resolution of 20 ms is lag. */
function meanMs(meanNs: number): number {
  return Number.isNaN(meanNs) ? 0 : Math.max(0, meanNs / 1e6 - 20)
}
