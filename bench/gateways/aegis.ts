// Aegis on configs written for the bench: without plugins, and with the whole chain.
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkChain } from '../chain-check.ts'
import { freePort, startProgram } from '../process.ts'
import { startRedis } from '../redis.ts'
import { type Gateway, gatewayCore, loadCore } from '../scenario.ts'
import { chainHeaders, host, issuer, secret, tenantId } from '../tokens.ts'
import { paths, type Upstream } from '../upstream.ts'

export interface AegisOptions {
  readonly name?: string
  readonly workers?: number
  /** Routes and tenants besides the one that is asked for. */
  readonly others?: number
  /** The listener takes HTTP/2 by prior knowledge as well. */
  readonly http2?: boolean
  /** Root of the checkout that runs; this one when left out. */
  readonly tree?: string
  /** Flags of node. */
  readonly nodeFlags?: readonly string[]
  /** Verified tokens that the plugin jwt keeps; its default when left out. */
  readonly keptTokens?: number
  /** Decisions that the plugin rbac keeps; its default when left out. */
  readonly keptDecisions?: number
  /** Where the plugin rate-limit counts; with a Redis of its own. Locally when left out. */
  readonly store?: { readonly store: 'redis'; readonly syncMs?: number }
}

interface Chain {
  readonly plugins: readonly object[]
  /** What the routes ask for. */
  readonly route: object
  readonly headers: () => Readonly<Record<string, string>>
  /** Whether it does what the others do. */
  readonly check?: typeof checkChain
}

const thisTree = fileURLToPath(new URL('../..', import.meta.url))
/** Counting costs the same whatever the limit is; a 429 costs less than a request that is served. */
const neverReached = 1_000_000_000

const listPlugins = ({ keptTokens, keptDecisions, store }: AegisOptions): readonly object[] => [
  { id: 'request-id', plugin: 'request-id' },
  { id: 'cors', plugin: 'cors' },
  {
    id: 'jwt',
    plugin: 'jwt',
    config: { issuers: [{ issuer, algorithms: ['HS256'], secret }], cache: { maxEntries: keptTokens } },
  },
  { id: 'tenant', plugin: 'tenant' },
  { id: 'rbac', plugin: 'rbac', config: { maxEntries: keptDecisions } },
  {
    id: 'rate-limit',
    plugin: 'rate-limit',
    config: {
      ...store,
      limits: [{ name: 'per-user', key: ['user'], limit: neverReached, burst: neverReached }],
    },
  },
  { id: 'observability', plugin: 'observability' },
]

export function aegisNoPlugins(options: AegisOptions = {}): Gateway {
  return toGateway(
    { name: 'aegis-no-plugins', ...options },
    { plugins: [], route: { auth: 'none' }, headers: () => ({}) },
  )
}

export function aegisFullChain(options: AegisOptions = {}): Gateway {
  const route = { permission: { resource: 'items', action: '{method}' } }
  return toGateway(
    { name: 'aegis-full-chain', ...options },
    { plugins: listPlugins(options), route, headers: chainHeaders, check: checkChain },
  )
}

/** Only the WAF, with the Core Rule Set of Debian's package (AEGIS_CRS_DIR: another one). */
export function aegisWaf(options: AegisOptions = {}): Gateway {
  const plugins = [{ id: 'waf', plugin: 'waf', config: { rules: ['@crs'] } }]
  return toGateway(
    { name: 'aegis-waf', ...options },
    { plugins, route: { auth: 'none' }, headers: () => ({}) },
  )
}

function toGateway(options: AegisOptions & { readonly name: string }, chain: Chain): Gateway {
  const { name, workers = 1, tree = thisTree, nodeFlags = [] } = options
  return {
    name,
    async start(upstream, directory) {
      const port = await freePort()
      const redis = options.store === undefined ? null : await startRedis(directory)
      await writeConfig(directory, toConfig(options, chain, { port, upstream }))
      const origin = `http://127.0.0.1:${port}`
      const started = await startProgram({
        command: [process.execPath, ...nodeFlags, resolve(tree, 'gateway/main.ts'), '--config', directory],
        readyUrl: `${origin}/health`,
        core: workers > 1 ? [gatewayCore, loadCore] : gatewayCore,
        cwd: directory,
        env: {
          AEGIS_STATE_DIR: join(directory, 'state'),
          ...(redis === null ? {} : { REDIS_URL: redis.url }),
        },
        stdoutFile: join(directory, 'access.log'),
      })
      await chain.check?.(origin, started)
      const stop = async () => {
        await started.stop()
        await redis?.stop()
      }
      return { ...started, stop, origin, headers: chain.headers() }
    },
  }
}

type Place = { readonly port: number; readonly upstream: Upstream }

function toConfig(options: AegisOptions, chain: Chain, { port, upstream }: Place): Record<string, object> {
  const { workers = 1, others = 0, http2 = false } = options
  const numbers = Array.from({ length: others }, (_, index) => index)
  const path = paths.small
  return {
    gateway: {
      // Left out where it is off: what is compared with may not know it.
      listeners: [{ name: 'bench', host: '127.0.0.1', port, ...(http2 && { http2 }) }],
      workers,
      admin: { port: 0 },
      // What the shipped config says, but for the second copy of each line in a rotated file.
      log: { level: 'info', access: 'stdout', file: null },
    },
    routes: {
      tenancy: { baseDomains: [host.slice(host.indexOf('.') + 1)] },
      tenants: [{ id: tenantId }, ...numbers.map((one) => ({ id: `tenant-${one}` }))],
      upstreams: { api: { targets: [{ url: upstream.origin }] } },
      routes: [
        { id: 'items', paths: [path, `${path}/*`], upstream: 'api', ...chain.route },
        ...numbers.map((one) => ({
          id: `other-${one}`,
          paths: [`/api/v1/other-${one}/{id}/*`],
          upstream: 'api',
          ...chain.route,
        })),
      ],
    },
    plugins: { plugins: chain.plugins },
  }
}

async function writeConfig(directory: string, files: Readonly<Record<string, object>>): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await writeFile(join(directory, `${name}.json`), JSON.stringify(content))
}
