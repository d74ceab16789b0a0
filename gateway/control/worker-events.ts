// What happens when a worker comes up, reports, or goes; and how workers come to share a port. Main thread; made by
// gateway/start.ts, called by supervisor.ts.
import type { GatewayConfig } from '../contract/snapshot.ts'
import type { Certificates } from './certificates.ts'
import type { Discovery } from './discovery/discovery.ts'
import type { DocumentFetcher } from './documents.ts'
import type { Gauges } from './gauges.ts'
import type { HealthChecker } from './health.ts'
import type { LiveConfig } from './live-config.ts'
import type { LogSink } from './log-sink.ts'
import type { MetricsMerge } from './metrics.ts'
import type { Publisher } from './publisher.ts'
import type { RevocationStore } from './revocations.ts'
import type { SupervisorEvents, WorkerHandle } from './supervisor.ts'

/** By listener name. */
export type Ports = Readonly<Record<string, number>>

export interface WorkerCare {
  readonly live: LiveConfig
  readonly publisher: Publisher
  readonly health: HealthChecker
  readonly discovery: Discovery
  readonly documents: DocumentFetcher
  readonly certificates: Certificates
  readonly revocations: RevocationStore
  readonly metrics: MetricsMerge
  readonly gauges: Gauges
  readonly sink: LogSink
  /** null until the first workers listen; those get their config and ports from the start itself. */
  ports: Ports | null
}

const listenTimeoutMs = 10_000

export function createWorkerEvents(care: WorkerCare): SupervisorEvents {
  const { live, publisher, health, discovery, documents, certificates, revocations, metrics, gauges, sink } =
    care
  return {
    onLog: (stream, lines) => sink.write(stream, lines),
    onReport(report, worker) {
      const { incarnation } = worker
      if (report.topic === 'ejected') health.ejected(report)
      else if (report.topic === 'document-open') documents.open(report.key, incarnation)
      else if (report.topic === 'document-refresh') documents.refresh(report.key)
      else if (report.topic === 'document-close') documents.close(report.key, incarnation)
      else if (report.topic === 'upstream-open') discovery.open(report.upstream, report.tenant, incarnation)
      else discovery.close(report.upstream, report.tenant, incarnation)
    },
    async onUp(worker) {
      for (const feed of discovery.replay()) worker.tell({ kind: 'feed', feed })
      worker.tell({ kind: 'feed', feed: { topic: 'health', states: health.states() } })
      worker.tell({ kind: 'feed', feed: { topic: 'revocations', entries: revocations.list() } })
      for (const feed of certificates.replay()) worker.tell({ kind: 'feed', feed })
      for (const feed of documents.replay()) worker.tell({ kind: 'feed', feed })
      if (care.ports === null) return
      await live.exclusively(() => publisher.bringUp(worker))
      await listenOn(worker, care.ports)
    },
    onDown(worker, _reason, cause) {
      gauges.workerGone(cause)
      metrics.retire(worker.index)
      documents.releaseAll(worker.incarnation)
      discovery.releaseAll(worker.incarnation)
    },
  }
}

/** The first worker finds out the ports that are given as 0; the others join it. */
export async function listenOnAll(workers: readonly WorkerHandle[], gateway: GatewayConfig): Promise<Ports> {
  const [first, ...others] = workers
  if (first === undefined) throw new Error('no worker came up')
  const configured = Object.fromEntries(gateway.listeners.map(({ name, port }) => [name, port]))
  const ports = await listenOn(first, configured)
  await Promise.all(others.map((worker) => listenOn(worker, ports)))
  return ports
}

async function listenOn(worker: WorkerHandle, ports: Ports): Promise<Ports> {
  const heard = worker.hear(['listening'], () => true, listenTimeoutMs)
  worker.tell({ kind: 'listen', ports })
  const answer = await heard
  if (answer.error !== null) throw new Error(`worker ${worker.index} cannot listen: ${answer.error}`)
  return answer.ports
}
