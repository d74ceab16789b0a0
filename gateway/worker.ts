// Entry of a worker thread: composes the data plane and does what the main thread says (contract/protocol.ts).
import { parentPort, workerData } from 'node:worker_threads'
import { registry } from '../plugins/registry.ts'
import { createSystemClock } from './contract/clock.ts'
import type { PluginDefinition } from './contract/plugin.ts'
import type {
  FromWorker,
  ListenerCertificates,
  Question,
  Revocation,
  ToWorker,
  WorkerBoot,
} from './contract/protocol.ts'
import type { GatewayConfig, RedisConfig, Snapshot } from './contract/snapshot.ts'
import { DescriptorWatch } from './dataplane/descriptors.ts'
import { createDocuments } from './dataplane/documents.ts'
import type { Exchange } from './dataplane/exchange.ts'
import { startHeartbeat } from './dataplane/heartbeat.ts'
import { createInstanceStore } from './dataplane/instances.ts'
import { createListener, type Listener } from './dataplane/listener.ts'
import { createLogBatch } from './dataplane/log-batch.ts'
import { createLongLived } from './dataplane/long-lived-metrics.ts'
import { createWorkerMetrics } from './dataplane/metrics.ts'
import { beatMs, Overload, refuseOverload } from './dataplane/overload.ts'
import { createPeers } from './dataplane/peers.ts'
import { createRevocationReplica } from './dataplane/revocations.ts'
import { compileRuntime, type Runtime } from './dataplane/runtime.ts'
import { createTrials } from './dataplane/trials.ts'
import { createClusterMetrics } from './dataplane/upstream/cluster-metrics.ts'
import { createClusters } from './dataplane/upstream/clusters.ts'
import { createPools } from './dataplane/upstream/pools.ts'
import { createSubrequests } from './dataplane/upstream/subrequest.ts'
import { createVia } from './dataplane/via.ts'
import { createVitals } from './dataplane/vitals.ts'
import { createConnectionPlaces } from './shared-state/connection-places.ts'
import { createLocalCounters } from './shared-state/counter-table.ts'

const port = parentPort
if (port === null) throw new Error('gateway/worker.ts runs as a worker thread of gateway/main.ts')
const boot = workerData as WorkerBoot
const post = (message: FromWorker): void => port.postMessage(message)

const clock = createSystemClock()
const logs = createLogBatch({
  post: (stream, lines) =>
    port.postMessage({ kind: 'log', stream, lines } satisfies FromWorker, [lines.buffer]),
  level: boot.logLevel,
  clock,
  bindings: { worker: boot.index },
})
const via = createVia(boot.viaName)
const metrics = createWorkerMetrics()
const counters = createLocalCounters(boot.counters, clock)
const places = createConnectionPlaces(boot.places, boot.index)
const shared = boot.redis === null ? null : await openSharedState(boot.redis)
const documents = createDocuments((report) => post({ kind: 'report', report }))
const revocations = createRevocationReplica()
const clusters = createClusters({
  pools: createPools(),
  clock,
  random: Math.random,
  report: (report) => post({ kind: 'report', report }),
  metrics: createClusterMetrics(metrics.port),
})
const instances = createInstanceStore(findDefinition, {
  clock,
  log: logs.logger,
  metrics: metrics.port,
  counters,
  sharedCounters: shared?.counters ?? null,
  documents: documents.port,
  revocations: revocations.port,
  subrequest: createSubrequests((ex) => (ex as Exchange).compiled.pickUpstream(ex)),
  sharedCache: shared?.cache ?? null,
  accessLog: logs.access,
})
const trials = createTrials(instances, clock)
const mirrored = metrics.port.counter(
  'aegis_mirrored_requests_total',
  'Copies of requests, by what became of them.',
  ['upstream', 'result'],
)
const overload = new Overload(() => live?.snapshot.gateway.limits.eventLoopLagMs ?? 0)
const descriptors = new DescriptorWatch(logs.logger, () => listeners)
const stopHeartbeat = startHeartbeat({
  ...{ clock, beats: boot.beats, everyMs: beatMs },
  onBeat(lagMs) {
    overload.observe(lagMs)
    descriptors.look()
  },
})
const refusals = metrics.port
  .counter('aegis_overload_refusals_total', 'Requests refused because the worker had too much to do.', [])
  .labels()

const handshakes = metrics.port.counter(
  'aegis_tls_handshakes_total',
  'TLS handshakes of clients by how they ended: ok, failed, late or refused (no good client certificate).',
  ['listener', 'result'],
)

const longLived = createLongLived(clock, metrics.port)

const endings = metrics.port.counter(
  'aegis_http2_connections_ended_total',
  'HTTP/2 connections that the gateway ended: idle, drained, requests (had its number of them), late (half a head), protocol or flood.',
  ['listener', 'reason'],
)

const listeners: Listener[] = []
let certificates: readonly ListenerCertificates[] = []
let live: Runtime | null = null
let prepared: { version: number; runtime: Runtime } | null = null
let draining = false
const vitals = createVitals(boot.index, metrics.port, () => ({
  version: live?.snapshot.version ?? 0,
  connections: sum((listener) => listener.connections()),
  inFlight: sum((listener) => listener.inFlight()),
  redis: shared?.status() ?? null,
}))

port.on('message', (message: ToWorker) => void obey(message))
post({ kind: 'ready' })

async function obey(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'prepare':
      return prepare(message.version, message.snapshot)
    case 'commit':
      return commit(message.version)
    case 'abort':
      if (prepared?.version === message.version) {
        prepared.runtime.retire()
        prepared = null
      }
      return
    case 'listen':
      return listen(message.ports).then(
        (ports) => post({ kind: 'listening', ports, error: null }),
        (error: Error) => post({ kind: 'listening', ports: {}, error: error.message }),
      )
    case 'feed':
      if (message.feed.topic === 'health') clusters.applyHealth(message.feed.states)
      else if (message.feed.topic === 'revocations') revoke(message.feed.entries)
      else if (message.feed.topic === 'certificates') renewCertificates(message.feed.listeners)
      else if (message.feed.topic === 'endpoints') clusters.applyEndpoints(message.feed)
      else documents.onFeed(message.feed)
      return
    case 'ask':
      return answerQuestion(message.id, message.question)
    case 'drain':
      return drain(message.timeoutMs)
  }
}

async function prepare(version: number, snapshot: Snapshot): Promise<void> {
  try {
    const runtime = await compileRuntime(snapshot, {
      instances,
      clusters,
      peers: createPeers(snapshot.gateway.trustedProxies),
      via,
      log: logs.logger,
      random: Math.random,
      draining: () => draining,
      countMirrored: (upstream, result) => mirrored.labels(upstream, result).inc(),
      shed: (ex) => refuseOverload(ex, overload, refusals),
      longLived,
    })
    prepared?.runtime.retire()
    prepared = { version, runtime }
    post({ kind: 'prepared', version })
  } catch (error) {
    post({ kind: 'refused', version, reason: error instanceof Error ? error.message : String(error) })
  }
}

function commit(version: number): void {
  if (prepared?.version !== version) return
  const old = live
  live = prepared.runtime
  live.activate()
  prepared = null
  longLived.adopt(live)
  old?.retire()
  post({ kind: 'committed', version })
}

function revoke(entries: readonly Revocation[]): void {
  revocations.replace(entries)
  longLived.recheck()
}

async function listen(ports: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const runtime = live
  if (runtime === null) throw new Error('listen came before the first commit')
  const gateway: GatewayConfig = runtime.snapshot.gateway
  const bound: Record<string, number> = {}
  for (const config of gateway.listeners) {
    const listener = createListener({
      ...{ config, gateway, places, runtime: () => live ?? runtime },
      handshakes: (name, outcome) => handshakes.labels(name, outcome).inc(),
      endings: (name, reason) => endings.labels(name, reason).inc(),
    })
    listener.renew(certificates)
    listeners.push(listener)
    bound[config.name] = await listener.listen(ports[config.name] ?? config.port)
  }
  return bound
}

function renewCertificates(renewed: readonly ListenerCertificates[]): void {
  certificates = renewed
  for (const listener of listeners) listener.renew(renewed)
}

async function answerQuestion(id: number, question: Question): Promise<void> {
  try {
    post({ kind: 'answer', id, value: await answerTo(question), error: null })
  } catch (error) {
    post({ kind: 'answer', id, value: null, error: error instanceof Error ? error.message : String(error) })
  }
}

async function answerTo(question: Question): Promise<unknown> {
  if (question.topic === 'status') return vitals.status()
  if (question.topic === 'metrics') {
    vitals.publish()
    clusters.publishMetrics()
    return metrics.dump()
  }
  if (question.topic === 'trial') return trials.ask(question, live?.instances ?? [])
  const mine = (live?.instances ?? []).filter((one) => one.definition.name === question.plugin)
  return Promise.all(mine.map((one) => one.plugin.onControl?.(question.operation, question.args)))
}

async function drain(timeoutMs: number): Promise<void> {
  draining = true
  longLived.drain(timeoutMs)
  await Promise.all(listeners.map((listener) => listener.drain(timeoutMs)))
  vitals.stop()
  stopHeartbeat()
  shared?.close()
  logs.flush()
  post({ kind: 'drained' })
}

/** Nothing of Redis is loaded where none is configured. */
async function openSharedState(config: RedisConfig) {
  const { openWorkerState } = await import('./shared-state/redis/worker-state.ts')
  return openWorkerState({ config, clock, log: logs.logger, metrics: metrics.port, local: counters })
}

async function findDefinition(plugin: string): Promise<PluginDefinition> {
  const known = registry.find((definition) => definition.name === plugin)
  if (known !== undefined) return known
  // An operator's module: a file URL with its content's hash, checked by the main thread.
  return ((await import(plugin)) as { default: PluginDefinition }).default
}

function sum(read: (listener: Listener) => number): number {
  return listeners.reduce((total, listener) => total + read(listener), 0)
}
