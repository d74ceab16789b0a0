// The control plane as the admin API sees it (contract/control-api.ts). Main thread; made by main.ts.
import type { History } from '../../config/history.ts'
import type {
  AuditEntry,
  ControlApi,
  EditOptions,
  EditOutcome,
  GatewayStatus,
} from '../contract/control-api.ts'
import { GatewayError } from '../contract/errors.ts'
import { countHandles } from '../contract/handles.ts'
import type { MetricsDump } from '../contract/metrics-dump.ts'
import type { StoreStatus, WorkerStatus } from '../contract/protocol.ts'
import type { AdminConfig } from '../contract/snapshot.ts'
import type { Audit } from './audit.ts'
import type { ConsulClient } from './consul/client.ts'
import type { Discovery } from './discovery/discovery.ts'
import type { DiscoveryGauges } from './discovery/gauges.ts'
import type { Gauges } from './gauges.ts'
import type { HealthChecker } from './health.ts'
import type { LiveConfig } from './live-config.ts'
import type { LogSink } from './log-sink.ts'
import type { MetricsMerge } from './metrics.ts'
import type { Siblings } from './siblings.ts'
import type { Supervisor } from './supervisor.ts'
import { createTrials } from './trials.ts'

export interface ControlParts {
  readonly admin: AdminConfig
  readonly live: LiveConfig
  readonly history: History
  readonly health: HealthChecker
  readonly discovery: Discovery
  readonly consul: ConsulClient | null
  readonly configSource: GatewayStatus['config']['source']
  readonly supervisor: Supervisor
  readonly metrics: MetricsMerge
  readonly gauges: Gauges
  readonly discoveryGauges: DiscoveryGauges
  readonly siblings: Siblings
  readonly audit: Audit
  readonly sink: LogSink
  readonly listeners: () => GatewayStatus['listeners']
  readonly draining: () => boolean
  readonly schemas: ReturnType<ControlApi['schemas']>
  /** Tells every worker of the newest revocations. */
  readonly publishRevocations: () => void
}

/** How long an answer of the workers is waited for; a blocked worker must not block the admin API. */
const askTimeoutMs = 2_000

export function createControlApi(parts: ControlParts): ControlApi {
  const { live, history, health, supervisor, audit, sink } = parts
  const { revocations } = parts.siblings
  const startedAt = new Date()
  const trials = createTrials(live, supervisor)

  const recorded = async (options: EditOptions, edit: () => Promise<EditOutcome>): Promise<EditOutcome> => {
    const outcome = await edit()
    if (!options.dryRun) audit.add({ ...toAudit(options, outcome), by: options.by })
    return outcome
  }

  return {
    admin: parts.admin,
    files: () => live.files(),
    version: () => live.version(),
    edit: (change, options) => recorded(options, () => live.edit(change, options)),
    validate: (candidate) => live.validate(candidate),
    schemas: () => parts.schemas,
    versions: () =>
      history.list().map((entry) => ({ ...entry, live: entry.number === history.liveNumber() })),
    versionFiles: (number) => history.get(number),
    rollback: (number, options) =>
      recorded(options, () =>
        live.edit((files) => {
          const old = history.get(number)
          if (old === null) throw new RangeError(`there is no config version ${number}`)
          return { ...files, routes: old.routes, plugins: old.plugins }
        }, options),
      ),
    reload: (by) => recorded({ by, action: 'reload', dryRun: false }, () => live.reload(by)),
    health: () => health.states(),
    discovery: () => parts.discovery.states(),
    async askPlugin(plugin, operation, args) {
      const answers = await supervisor.ask({ topic: 'plugin', plugin, operation, args }, askTimeoutMs)
      return [...answers.values()].flatMap((values) => values as unknown[])
    },
    async purge(plugin, args) {
      const question = { topic: 'plugin', plugin, operation: 'purge', args } as const
      const answers = await supervisor.ask(question, askTimeoutMs)
      await parts.siblings.tellPurge({ plugin, args })
      if (answers.size < supervisor.workers().length) throw purgedInPart()
      return [...answers.values()].flatMap((values) => values as unknown[])
    },
    tryPlugin: (plugin, config, operation, args) => trials.ask({ plugin, config, operation, args }),
    revocations: () => revocations.list(),
    async revoke(entry, by) {
      const added = await revocations.add(entry)
      await spread(parts)
      audit.add({ by, action: `revoke ${added.kind} ${added.subject}`, outcome: 'ok', version: null })
      return added
    },
    async unrevoke(id, by) {
      const removed = await revocations.remove(id)
      if (removed) await spread(parts)
      audit.add({ by, action: `unrevoke ${id}`, outcome: removed ? 'ok' : 'not found', version: null })
      return removed
    },
    status: () => readStatus(parts, startedAt),
    async metrics() {
      parts.gauges.scrape()
      parts.discoveryGauges.scrape(parts.discovery)
      const dumps = await supervisor.ask({ topic: 'metrics' }, askTimeoutMs)
      return parts.metrics.merge(dumps as ReadonlyMap<number, MetricsDump>)
    },
    ready: () => readiness(parts),
    audit: () => audit.list(),
    record: (entry) => audit.add(entry),
    followLogs: (onLine) => sink.follow(onLine),
    recentLogs: () => sink.recent(),
  }
}

/** Feeds and questions reach a worker in order: once it has answered, it has taken the feed. */
async function spread(parts: ControlParts): Promise<void> {
  parts.publishRevocations()
  await parts.supervisor.ask({ topic: 'status' }, askTimeoutMs)
}

function toAudit(options: EditOptions, outcome: EditOutcome): Omit<AuditEntry, 'at' | 'by'> {
  return outcome.ok
    ? { action: options.action, outcome: 'ok', version: outcome.version }
    : { action: options.action, outcome: outcome.kind, version: null }
}

async function readStatus(parts: ControlParts, startedAt: Date): Promise<GatewayStatus> {
  const statuses = await parts.supervisor.ask({ topic: 'status' }, askTimeoutMs)
  const workers = [...statuses.values()].map((status) => status as WorkerStatus)
  return {
    version: parts.live.version(),
    startedAt: startedAt.toISOString(),
    uptimeSeconds: Math.round(process.uptime()),
    handles: countHandles(),
    workers: workers.sort((a, b) => a.index - b.index),
    listeners: parts.listeners(),
    config: { source: parts.configSource, ...parts.live.state() },
    state: {
      redis: sumUp([parts.siblings.status(), ...workers.map(({ redis }) => redis)]),
      consul: parts.consul?.state() ?? 'not configured',
    },
  }
}

function purgedInPart(): GatewayError {
  return new GatewayError(
    'Not every worker could purge the cache that the gateways share; the log says why. Do it again.',
    { code: 'AEGIS_PURGE_IN_PART', source: 'internal', status: 503 },
  )
}

function sumUp(connections: readonly (StoreStatus | null)[]): StoreStatus | 'not configured' {
  const known = connections.filter((one) => one !== null)
  return known.find(({ state }) => state === 'down') ?? known[0] ?? 'not configured'
}

function readiness(parts: ControlParts): { ready: boolean; reasons: string[] } {
  const reasons: string[] = []
  if (parts.draining()) reasons.push('the gateway is draining')
  if (parts.live.version() === 0) reasons.push('no config is live yet')
  if (parts.supervisor.workers().length === 0) reasons.push('no worker is up')
  return { ready: reasons.length === 0, reasons }
}
