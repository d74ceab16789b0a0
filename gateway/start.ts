// Composes the control plane and brings the gateway up. Main thread; called by main.ts.
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { createAdminServer } from '../admin/server.ts'
import type { Environment } from '../config/env.ts'
import { createHistory, type History } from '../config/history.ts'
import { readConfigFiles } from '../config/load.ts'
import { listModuleFiles } from '../config/plugin-modules.ts'
import { createFileSchemas, createPluginSchema } from '../config/schema/files.ts'
import { listSecretFiles } from '../config/substitute.ts'
import { finishWrite } from '../config/unfinished-write.ts'
import { watchConfig } from '../config/watch.ts'
import { signToken } from '../plugins/jwt/sign.ts'
import { registry } from '../plugins/registry.ts'
import { createSystemClock } from './contract/clock.ts'
import type { GatewayStatus } from './contract/control-api.ts'
import { ConfigError } from './contract/errors.ts'
import type { PluginDefinition } from './contract/plugin.ts'
import type { Logger } from './contract/ports.ts'
import type { Feed } from './contract/protocol.ts'
import { readAdminAccess } from './control/admin-access.ts'
import { createAudit } from './control/audit.ts'
import { toBanner } from './control/banner.ts'
import { checkCertificates, openCertificates } from './control/certificates.ts'
import { openConfigSource } from './control/config-source.ts'
import { createControlApi } from './control/control-api.ts'
import { startSampleBackend } from './control/demo.ts'
import { composeDiscovery, reportConsul } from './control/discovery/compose.ts'
import { createDiscoveryGauges } from './control/discovery/gauges.ts'
import { createDocumentFetcher } from './control/documents.ts'
import { createGauges } from './control/gauges.ts'
import { createHealthChecker } from './control/health.ts'
import { buildFiles, createLiveConfig, type LiveConfig } from './control/live-config.ts'
import { createLogSink } from './control/log-sink.ts'
import { createMetricsMerge } from './control/metrics.ts'
import { claimPort } from './control/ports-in-use.ts'
import { createPublisher } from './control/publisher.ts'
import { createRevocationStore } from './control/revocations.ts'
import { openSiblings, type Purge } from './control/siblings.ts'
import { createSupervisor, type Supervisor } from './control/supervisor.ts'
import { createWorkerEvents, listenOnAll, type Ports } from './control/worker-events.ts'
import { createPlacesBuffer, freePlaces } from './shared-state/connection-places.ts'
import { createCounterBuffer, readCounterStats } from './shared-state/counter-table.ts'

export interface RunningGateway {
  reload(by: string): Promise<unknown>
  /** Readiness fails, listeners close, requests under way end or are cut after drainTimeoutMs. */
  stop(): Promise<void>
}

const forgetTimeoutMs = 2_000

/** Each worker holds a copy; at some 300 bytes each this is 30 MB at the most. */
const mostRevocations = 100_000

/** How long the start waits for the first word of Consul or DNS before clients may come. */
const settleMs = 2_500

/** Rejects with a ConfigError, or with a plain Error that names what is in the way (a port, a folder). */
export async function startGateway(environment: Environment): Promise<RunningGateway> {
  const clock = createSystemClock()
  const { configDir } = environment
  await finishWrite(configDir)
  const stateDir = await findStateDir(environment)
  const history = createHistory({ stateDir })
  const publisher = createPublisher()
  const metrics = createMetricsMerge()
  const counters = createCounterBuffer()
  const gauges = createGauges(metrics.own, () => readCounterStats(counters))
  const source = await openConfigSource({ environment, history, clock, definitions: definitions() })
  const { consul, store } = source
  await source.seed()
  let followed: string[] = []
  const live = createLiveConfig({
    ...{ environment, definitions: definitions(), store, history, publisher },
    workers: () => supervisor.workers(),
    onLive(snapshot, files, looked) {
      discovery.apply(snapshot.upstreams)
      followed = [
        ...listModuleFiles(files.plugins, configDir),
        ...listSecretFiles(files, configDir),
        ...looked,
        ...certificates.files,
      ]
      watch.follow(followed)
      // What changed before it was watched.
      certificates.refresh()
      gauges.version(snapshot.version)
    },
    onReading: () => watch.reading(),
    onRefused(looked) {
      watch.follow([...followed, ...looked])
      watch.refused()
    },
    onAttempt: (ok) => gauges.reload(ok),
    log: () => log,
  })
  const { gateway } = await live.load()
  const sink = createLogSink(gateway.log)
  const log = sink.logger
  reportStart(live, history, log)

  const feed = (one: Feed): void => supervisor.feed(one)
  const health = createHealthChecker({
    ...{ clock, log },
    publish(one) {
      if (one.topic === 'health') gauges.health(one.states)
      feed(one)
    },
  })
  const discoveryGauges = createDiscoveryGauges(metrics.own)
  if (consul !== null) reportConsul(consul, discoveryGauges, log)
  const discovery = composeDiscovery({
    ...{ consul, gauges: discoveryGauges, stateDir, clock, log, publish: feed },
    onChange: (upstreams) => health.apply(upstreams),
  })
  const certificates = openCertificates(gateway, { publish: feed, log, clock, metrics: metrics.own })
  const documents = createDocumentFetcher({ publish: feed, configDir, log, clock })
  const audit = await createAudit(join(stateDir, 'audit.jsonl'), clock, log)
  const spreadRevocations = () => feed({ topic: 'revocations', entries: siblings.revocations.list() })
  const siblings = await openSiblings({
    ...{ config: gateway.redis, clock, log, metrics: metrics.own, limit: mostRevocations },
    local: createRevocationStore({ stateDir, clock, limit: mostRevocations }),
    onRevocations: spreadRevocations,
    onPurge: (purge) => forgetEverywhere(supervisor, purge),
  })
  const viaName = `aegis-${randomBytes(6).toString('hex')}`
  // Nothing waits between this and the supervisor, which what comes from Redis is told to.
  const workers = {
    live,
    publisher,
    health,
    discovery,
    documents,
    certificates,
    revocations: siblings.revocations,
    metrics,
    gauges,
    sink,
    ports: null as Ports | null,
  }
  const places = createPlacesBuffer({ ...gateway.limits, workers: gateway.workers })
  const events = createWorkerEvents(workers)
  const supervisor: Supervisor = createSupervisor({
    count: gateway.workers,
    entry: new URL('./worker.ts', import.meta.url),
    boot: (index) => ({
      index,
      counters,
      places,
      logLevel: gateway.log.level,
      viaName,
      redis: gateway.redis,
    }),
    blockedMs: gateway.limits.workerBlockedMs,
    heapMb: gateway.limits.workerHeapMb,
    log,
    events: {
      ...events,
      onDown(thread, ...why) {
        freePlaces(places, thread.index)
        events.onDown(thread, ...why)
      },
    },
  })

  for (const listener of gateway.listeners) await claimPort(listener)
  const reload = (by: string) => {
    certificates.refresh()
    return live.reload(by).catch((error) => log.error({ err: error, by }, 'the config could not be reloaded'))
  }
  const watch = watchConfig({ dir: configDir, onChange: () => void reload('file') })
  const access = readAdminAccess(gateway.admin)
  const listeners = (): GatewayStatus['listeners'] =>
    gateway.listeners.map(({ name, host, port }) => ({ name, host, port: workers.ports?.[name] ?? port }))
  let draining = false
  const control = createControlApi({
    ...{ live, history, health, discovery, supervisor, metrics, siblings, audit, sink, listeners },
    ...{ gauges, discoveryGauges, consul: consul?.client ?? null, configSource: source.kind },
    admin: access.admin,
    draining: () => draining,
    schemas: { files: createFileSchemas(registry), plugins: pluginSchemas() },
    publishRevocations: spreadRevocations,
  })
  const admin = await createAdminServer({ control, log, tokens: access.admin.tokens })

  const demo = gateway.demo === null ? null : startSampleBackend(gateway.demo.backendPort, log)
  await supervisor.start()
  await live.begin()
  const unfollow = source.follow(() => void reload('consul'))
  await discovery.settled(settleMs)
  workers.ports = await listenOnAll(supervisor.workers(), gateway)
  const stopDemo = await demo
  const { port: adminPort } = await admin.listen(gateway.admin.host, gateway.admin.port)
  log.info({ listeners: listeners(), admin: { port: adminPort }, version: live.version() }, 'ready')
  const demoToken = gateway.demo === null ? null : await signDemoToken(environment, gateway.demo.tenant)
  const made = { adminPort, adminToken: access.made, demoToken }
  process.stdout.write(toBanner({ gateway, listeners: listeners(), ...made }))

  return {
    reload,
    async stop() {
      draining = true
      log.info({}, 'draining')
      watch.close()
      certificates.stop()
      unfollow()
      await supervisor.drain(gateway.timeouts.drainTimeoutMs)
      await admin.close()
      siblings.close()
      await Promise.all([
        health.stop(),
        discovery.stop(),
        documents.stop(),
        siblings.revocations.stop(),
        audit.flush(),
      ])
      consul?.client.destroy()
      stopDemo?.()
      log.info({}, 'stopped')
      await sink.close()
    },
  }
}

/** Caches that can be purged are rbac's alone. An answer is not waited for: who does not answer is blocked, and asks nobody. */
function forgetEverywhere(supervisor: Supervisor, purge: Purge | null): void {
  const { plugin, args } = purge ?? { plugin: 'rbac', args: {} }
  void supervisor.ask({ topic: 'plugin', plugin, operation: 'forget', args }, forgetTimeoutMs)
}

function reportStart(live: LiveConfig, history: History, log: Logger): void {
  const { problems, fromLastGood } = live.state()
  if (fromLastGood) {
    log.error({ problems }, 'the config on disk cannot be used; starting with the last good copy')
  }
  for (const warning of history.warnings()) log.warn({}, warning)
}

function pluginSchemas(): Record<string, object> {
  return Object.fromEntries(registry.map((definition) => [definition.name, createPluginSchema(definition)]))
}

/** Prints what is wrong with the config, or that nothing is; resolves with the exit code. */
export async function checkConfig(environment: Environment): Promise<number> {
  const history = { lastGood: () => null }
  const parts = { environment, history, clock: createSystemClock(), definitions: definitions() }
  const { store } = await openConfigSource(parts)
  const result = await buildFiles(await store.read(), environment, definitions())
  if (!result.ok) {
    process.stderr.write(`${new ConfigError(result.problems).message}\n`)
    return 1
  }
  const tls = checkCertificates(result.snapshot.gateway, Date.now())
  if (tls.problems.length > 0) {
    process.stderr.write(`${new ConfigError(tls.problems).message}\n`)
    return 1
  }
  for (const warning of [...result.warnings, ...tls.warnings]) process.stdout.write(`warning: ${warning}\n`)
  process.stdout.write('The config is valid.\n')
  return 0
}

function definitions(): ReadonlyMap<string, PluginDefinition> {
  return new Map(registry.map((definition) => [definition.name, definition]))
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
