// Snapshots, runtimes and exchanges for the tests of this folder.
import type { Plugin, PluginDefinition } from '../../../gateway/contract/plugin.ts'
import type { PluginEntry, PluginScope, Snapshot } from '../../../gateway/contract/snapshot.ts'
import type { Instance } from '../../../gateway/dataplane/chain.ts'
import type { Downstream, RequestHead } from '../../../gateway/dataplane/downstream.ts'
import { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { addField, type Fields } from '../../../gateway/dataplane/http1/fields.ts'
import type { InstanceStore } from '../../../gateway/dataplane/instances.ts'
import { LongLived } from '../../../gateway/dataplane/long-lived.ts'
import { createPeers } from '../../../gateway/dataplane/peers.ts'
import type { Runtime, RuntimeParts } from '../../../gateway/dataplane/runtime.ts'
import type { Clusters } from '../../../gateway/dataplane/upstream/clusters.ts'
import type { UpstreamHandle } from '../../../gateway/dataplane/upstream/upstream-handle.ts'
import { createVia } from '../../../gateway/dataplane/via.ts'
import { createTestClock } from '../../support/clock.ts'
import { createTestPorts } from '../../support/ports.ts'

export function createSnapshot(over: Partial<Snapshot> = {}): Snapshot {
  return {
    version: 1,
    gateway: {
      listeners: [],
      workers: 1,
      admin: { host: '127.0.0.1', port: 0, tokens: [] },
      trustedProxies: [],
      limits: {
        headerBytes: 16_384,
        headerCount: 100,
        urlBytes: 8_192,
        bodyBytes: 1_000,
        connections: 0,
        connectionsPerIp: 0,
        requestsPerConnection: 0,
        http2: {
          streams: 100,
          windowBytes: 262_144,
          connectionWindowBytes: 1_048_576,
          resetsPerMinute: 200,
          emptyFramesPerMinute: 2000,
        },
        eventLoopLagMs: 0,
        workerBlockedMs: 0,
        workerHeapMb: 0,
      },
      timeouts: { headersMs: 10_000, requestMs: 60_000, idleMs: 75_000, drainTimeoutMs: 30_000 },
      log: { level: 'silent', access: 'off', file: null, rotateBytes: 1, rotateKeep: 1 },
      stateDir: '/nowhere',
      redis: null,
      demo: null,
      consul: null,
      configSource: null,
    },
    tenancy: { baseDomains: [], unknownTenant: 404 },
    tenants: [],
    plans: {},
    upstreams: {},
    routes: [],
    slashes: 'merge',
    plugins: [],
    ...over,
  }
}

/** `logged` gets the messages of the worker's log. */
export function createFakeRuntime(logged: string[] = [], over: Partial<Runtime> = {}): Runtime {
  const log = (_: Record<string, unknown>, message: string) => void logged.push(message)
  return {
    snapshot: createSnapshot(),
    peers: createPeers([]),
    via: createVia('aegis-0123456789ab'),
    slotCount: 4,
    log: { debug: log, info: log, warn: log, error: log },
    draining: () => false,
    shed: () => undefined,
    longLived: createQuietLongLived(),
    begin() {},
    end() {},
    ...over,
  } as Runtime
}

/** One that nobody looks at. */
export function createQuietLongLived(): LongLived {
  const quiet = () => ({ inc() {}, set() {} })
  return new LongLived({ clock: createTestClock(), random: () => 0, ended: quiet, open: quiet })
}

/** What was released, in order. */
export function createRuntimeParts(over: Partial<RuntimeParts> = {}): {
  parts: RuntimeParts
  released: string[]
} {
  const released: string[] = []
  const instances: InstanceStore = {
    slotCount: () => 0,
    acquire: async () => ({ instances: [], release: () => void released.push('instances') }),
  }
  const clusters: Clusters = {
    acquire: () => ({
      get: (name) => {
        if (name === 'missing') throw new Error('no upstream is named missing')
        return { name, of: () => ({ name }) as UpstreamHandle } as unknown as UpstreamHandle
      },
      activate() {},
      release: () => void released.push('clusters'),
    }),
    applyHealth() {},
    applyEndpoints() {},
    publishMetrics() {},
  }
  const parts = {
    instances,
    clusters,
    peers: createPeers([]),
    via: createVia('aegis-0123456789ab'),
    log: createTestPorts().log,
    random: () => 0,
    draining: () => false,
    shed: () => undefined,
    countMirrored: () => {},
    longLived: createQuietLongLived(),
    ...over,
  }
  return { parts, released }
}

export interface FakeRequest {
  readonly method?: string
  readonly url?: string
  readonly host?: string
  /** Flat list. */
  readonly rawHeaders?: readonly string[]
}

/** An exchange without a socket, for what only reads the request. */
export function createExchange(request: FakeRequest = {}, runtime = createFakeRuntime()): Exchange {
  const head: RequestHead = {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    version: '1.1',
    scheme: null,
    fields: createFields(request.rawHeaders ?? []),
    host: request.host ?? null,
    expect: '',
    body: 'none',
    length: -1,
    keepAlive: true,
    fault: null,
  }
  const down = {
    head,
    remoteAddress: '127.0.0.1',
    secured: null,
    complete: true,
    answered: false,
  } as unknown as Downstream
  return new Exchange({ down, isHandshake: false, localPort: '8000' }, runtime)
}

/** From a flat list, as the parsers make them. */
export function createFields(flat: readonly string[]): Fields {
  const fields: Fields = { raw: [], names: [], kinds: [] }
  for (let i = 0; i < flat.length; i += 2) addField(fields, flat[i] as string, flat[i + 1] as string)
  return fields
}

export function createEntry(id: string, scope: Partial<PluginScope> = {}, plugin = 'p'): PluginEntry {
  return {
    id,
    plugin,
    enabled: true,
    scope: { routes: [], tenants: [], plans: [], ...scope },
    config: {},
  }
}

export function createInstance(
  entry: PluginEntry,
  plugin: Plugin,
  definition: Partial<PluginDefinition> = {},
): Instance {
  return {
    entry,
    plugin,
    definition: {
      name: entry.plugin,
      schema: {} as never,
      onFailure: 'deny',
      create: () => plugin,
      ...definition,
    },
  }
}

/** Ids of the instances that the exchange entered. */
export function entered(ex: Exchange): string[] {
  return ex.entered.map((one) => one.entry.id)
}
