// Composes the control plane and brings the gateway up. Main thread; called by main.ts.
import { join, resolve } from 'node:path'
import { createAdminServer } from '../admin/server.ts'
import type { Environment } from '../config/env.ts'
import { createHistory } from '../config/history.ts'
import { readConfigFiles } from '../config/load.ts'
import { listModuleFiles } from '../config/plugin-modules.ts'
import { createFileSchemas, createPluginSchema } from '../config/schema/files.ts'
import { listSecretFiles } from '../config/substitute.ts'
import { watchConfig } from '../config/watch.ts'
import { signToken } from '../plugins/jwt/sign.ts'
import { registry } from '../plugins/registry.ts'
import { createSystemClock } from './contract/clock.ts'
import type { ConfigFiles, GatewayStatus } from './contract/control-api.ts'
import { ConfigError } from './contract/errors.ts'
import type { PluginDefinition } from './contract/plugin.ts'
import type { Feed } from './contract/protocol.ts'
import type { GatewayConfig, Snapshot } from './contract/snapshot.ts'
import { readAdminAccess } from './control/admin-access.ts'
import { createAudit } from './control/audit.ts'
import { toBanner } from './control/banner.ts'
import { createControlApi } from './control/control-api.ts'
import { startSampleBackend } from './control/demo.ts'
import { createDocumentFetcher } from './control/documents.ts'
import { createGauges } from './control/gauges.ts'
import { createHealthChecker } from './control/health.ts'
import { buildFiles, createLiveConfig, type LiveConfig } from './control/live-config.ts'
import { createLogSink } from './control/log-sink.ts'
import { createMetricsMerge } from './control/metrics.ts'
import { claimPort } from './control/ports-in-use.ts'
import { createPublisher } from './control/publisher.ts'
import { createRevocationStore } from './control/revocations.ts'
import { createSupervisor, type Supervisor, type WorkerHandle } from './control/supervisor.ts'
import { createCounterBuffer, readCounterStats } from './shared-state/counter-table.ts'

export interface RunningGateway {
  reload(by: string): Promise<unknown>
  /** Readiness fails, listeners close, requests under way end or are cut after drainTimeoutMs. */
  stop(): Promise<void>
}

/** Each worker holds a copy; at some 300 bytes each this is 30 MB at the most. */
const mostRevocations = 100_000

type Ports = Readonly<Record<string, number>>

/** Rejects with a ConfigError, or with a plain Error that names what is in the way (a port, a folder). */
export async function startGateway(environment: Environment): Promise<RunningGateway> {
  const clock = createSystemClock()
  const stateDir = await findStateDir(environment)
  const history = createHistory({ stateDir })
  const publisher = createPublisher()
  const metrics = createMetricsMerge()
  const counters = createCounterBuffer()
  const gauges = createGauges(metrics.own, () => readCounterStats(counters))
  // Filled in below; nothing asks for it before the first snapshot is known.
  const onLive = (snapshot: Snapshot, files: ConfigFiles): void => {
    health.apply(snapshot.upstreams)
    watch.follow(watchedBesides(files, environment.configDir))
    gauges.version(snapshot.version)
  }
  const live: LiveConfig = createLiveConfig({
    environment,
    definitions: definitions(),
    history,
    publisher,
    workers: () => supervisor.workers(),
    onLive,
    onAttempt: (ok) => gauges.reload(ok),
    log: () => log,
  })
  const { gateway } = await live.load()
  const sink = createLogSink(gateway.log)
  const log = sink.logger
  const { problems, fromLastGood } = live.state()
  if (fromLastGood)
    log.error({ problems }, 'the config on disk cannot be used; starting with the last good copy')
  for (const warning of history.warnings()) log.warn({}, warning)

  const feed = (one: Feed): void => supervisor.feed(one)
  const publishHealth = (one: Feed): void => {
    if (one.topic === 'health') gauges.health(one.states)
    feed(one)
  }
  const health = createHealthChecker({ clock, log, publish: publishHealth })
  const documents = createDocumentFetcher({ publish: feed, configDir: environment.configDir, log, clock })
  const revocations = await createRevocationStore({ stateDir, clock, limit: mostRevocations })
  const audit = await createAudit(join(stateDir, 'audit.jsonl'), clock, log)
  let ports: Ports | null = null
  let draining = false

  const replay = (worker: WorkerHandle): void => {
    worker.tell({ kind: 'feed', feed: { topic: 'health', states: health.states() } })
    worker.tell({ kind: 'feed', feed: { topic: 'revocations', entries: revocations.list() } })
    for (const one of documents.replay()) worker.tell({ kind: 'feed', feed: one })
  }
  const supervisor: Supervisor = createSupervisor({
    count: gateway.workers,
    entry: new URL('./worker.ts', import.meta.url),
    boot: (index) => ({ index, counters, logLevel: gateway.log.level }),
    log,
    events: {
      onLog: (stream, lines) => sink.write(stream, lines),
      onReport(report, worker) {
        if (report.topic === 'ejected') health.ejected(report)
        else if (report.topic === 'document-open') documents.open(report.key, worker.incarnation)
        else if (report.topic === 'document-refresh') documents.refresh(report.key)
        else documents.close(report.key, worker.incarnation)
      },
      async onUp(worker) {
        replay(worker)
        const known = ports
        if (known === null) return
        await live.exclusively(() => publisher.bringUp(worker))
        await listenOn(worker, known)
      },
      onDown(worker) {
        metrics.retire(worker.index)
        documents.releaseAll(worker.incarnation)
      },
    },
  })

  for (const listener of gateway.listeners) await claimPort(listener)
  const watch = watchConfig({ dir: environment.configDir, onChange: () => void live.reload('file') })
  const access = readAdminAccess(gateway.admin)
  const listeners = (): GatewayStatus['listeners'] =>
    gateway.listeners.map(({ name, host, port }) => ({ name, host, port: ports?.[name] ?? port }))
  const control = createControlApi({
    ...{ live, history, health, supervisor, metrics, gauges, revocations, audit, sink, listeners },
    admin: access.admin,
    draining: () => draining,
    schemas: {
      files: createFileSchemas(registry),
      plugins: Object.fromEntries(
        registry.map((definition) => [definition.name, createPluginSchema(definition)]),
      ),
    },
    publishRevocations: () => feed({ topic: 'revocations', entries: revocations.list() }),
  })
  const admin = await createAdminServer({ control, log, tokens: access.admin.tokens })

  await supervisor.start()
  await live.begin()
  ports = await listenOnAll(supervisor.workers(), gateway)
  const stopDemo = gateway.demo === null ? null : startSampleBackend(gateway.demo.backendPort, log)
  const adminAddress = await admin.listen(gateway.admin.host, gateway.admin.port)
  log.info(
    { listeners: listeners(), admin: adminAddress, workers: gateway.workers, version: live.version() },
    'ready',
  )
  const demoToken = gateway.demo === null ? null : await signDemoToken(environment, gateway.demo.tenant)
  const banner = {
    gateway,
    listeners: listeners(),
    adminPort: adminAddress.port,
    adminToken: access.made,
    demoToken,
  }
  process.stdout.write(toBanner(banner))

  return {
    reload: (by) => live.reload(by),
    async stop() {
      draining = true
      log.info({}, 'draining')
      watch.close()
      await supervisor.drain(gateway.timeouts.drainTimeoutMs)
      await admin.close()
      await Promise.all([health.stop(), documents.stop(), revocations.stop(), audit.flush()])
      stopDemo?.()
      log.info({}, 'stopped')
      await sink.close()
    },
  }
}

/** Prints what is wrong with the config, or that nothing is; resolves with the exit code. */
export async function checkConfig(environment: Environment): Promise<number> {
  const result = await buildFiles(await readConfigFiles(environment.configDir), environment, definitions())
  if (!result.ok) {
    process.stderr.write(`${new ConfigError(result.problems).message}\n`)
    return 1
  }
  for (const warning of result.warnings) process.stdout.write(`warning: ${warning}\n`)
  process.stdout.write('The config is valid.\n')
  return 0
}

function definitions(): ReadonlyMap<string, PluginDefinition> {
  return new Map(registry.map((definition) => [definition.name, definition]))
}

/** What else a config depends on: operators' modules and `${file:}` secrets. */
function watchedBesides(files: ConfigFiles, configDir: string): string[] {
  return [...listModuleFiles(files.plugins, configDir), ...listSecretFiles(files, configDir)]
}

/** For the curl line of the banner; null when the demo's secret is not the one of the environment. */
async function signDemoToken({ variables }: Environment, tenant: string): Promise<string | null> {
  const secret = variables.JWT_SECRET
  if (secret === undefined) return null
  const claims = { iss: 'aegis-gateway', user_id: 'ada', tenant_id: tenant, roles: ['member'] }
  return signToken({ algorithm: 'HS256', secret, claims, expiresInSeconds: 12 * 3600 })
}

/** Known before the config is, for the last good copy lies there. */
async function findStateDir({ configDir, overrides }: Environment): Promise<string> {
  if (overrides.stateDir !== undefined) return overrides.stateDir
  const { files } = await readConfigFiles(configDir)
  const named = files.gateway.stateDir
  return resolve(configDir, typeof named === 'string' && !named.includes('$') ? named : '.aegis')
}

/** The first worker finds out the ports that are given as 0; the others join it. */
async function listenOnAll(workers: readonly WorkerHandle[], gateway: GatewayConfig): Promise<Ports> {
  const [first, ...others] = workers
  if (first === undefined) throw new Error('no worker came up')
  const ports = await listenOn(
    first,
    Object.fromEntries(gateway.listeners.map(({ name, port }) => [name, port])),
  )
  await Promise.all(others.map((worker) => listenOn(worker, ports)))
  return ports
}

async function listenOn(worker: WorkerHandle, ports: Ports): Promise<Ports> {
  const heard = worker.hear(['listening'], () => true, 10_000)
  worker.tell({ kind: 'listen', ports })
  const answer = await heard
  if (answer.error !== null) throw new Error(`worker ${worker.index} cannot listen: ${answer.error}`)
  return answer.ports
}
