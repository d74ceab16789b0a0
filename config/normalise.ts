// From checked files to the parts of a snapshot: paths made absolute, names lower-cased, absent options made null.
// Main thread; called by load.ts only with files that passed every check.
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type {
  ConfigSource,
  ConsulConfig,
  DiscoveryConfig,
  GatewayConfig,
  ListenerConfig,
  PluginEntry,
  RedisConfig,
  RouteConfig,
  Slashes,
  TenancyConfig,
  Tenant,
  UpstreamConfig,
} from '../gateway/contract/snapshot.ts'
import type { UpstreamTlsFiles } from './check/upstream-tls.ts'
import { parseOrigin } from './check/upstreams.ts'
import type { GatewayFile } from './schema/gateway.ts'
import type { PluginsFile } from './schema/plugins.ts'
import type { RoutesFile } from './schema/routes.ts'

type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T
type Fits<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
type Same<A, B> = Fits<Frozen<A>, Frozen<B>>

/** Fails to compile when a schema and the contract of gateway/contract/snapshot.ts drift apart. */
export const schemasMatchContract: readonly [
  Same<GatewayFile['limits'], GatewayConfig['limits']>,
  Same<GatewayFile['timeouts'], GatewayConfig['timeouts']>,
  Same<Omit<GatewayFile['listeners'][number], 'tls'>, Omit<ListenerConfig, 'tls'>>,
  Same<GatewayFile['admin'], GatewayConfig['admin']>,
  Same<GatewayFile['log'], GatewayConfig['log']>,
  Same<NonNullable<GatewayFile['demo']>, NonNullable<GatewayConfig['demo']>>,
  Same<NonNullable<GatewayFile['consul']>, ConsulConfig>,
  Same<NonNullable<GatewayFile['configSource']>, ConfigSource>,
  Same<RoutesFile['tenancy'], TenancyConfig>,
  Same<RoutesFile['tenants'][number], Tenant>,
  Same<RoutesFile['upstreams'][string]['retry'], UpstreamConfig['retry']>,
  Same<RoutesFile['upstreams'][string]['breaker'], UpstreamConfig['breaker']>,
  Same<RoutesFile['upstreams'][string]['timeouts'], UpstreamConfig['timeouts']>,
  Same<RoutesFile['upstreams'][string]['balancer'], UpstreamConfig['balancer']>,
  Same<RoutesFile['routes'][number]['auth'], RouteConfig['auth']>,
  Same<RoutesFile['routes'][number]['encodedSlashes'], RouteConfig['encodedSlashes']>,
  Same<RoutesFile['slashes'], Slashes>,
  Same<RoutesFile['routes'][number]['longLived'], RouteConfig['longLived']>,
  Same<PluginsFile['plugins'][number], Omit<PluginEntry, 'files'>>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
]

export function toGatewayConfig(
  file: GatewayFile,
  configDir: string,
  adminToken: string | undefined,
): GatewayConfig {
  const { admin, log } = file
  const sha256 = (token: string) => createHash('sha256').update(token).digest('hex')
  const fromEnvironment = {
    name: 'AEGIS_ADMIN_TOKEN',
    role: 'admin',
    sha256: sha256(adminToken ?? ''),
  } as const
  return {
    listeners: file.listeners.map((listener) => toListenerConfig(listener, configDir)),
    workers: file.workers === 'auto' ? Math.min(64, availableParallelism()) : file.workers,
    admin: adminToken === undefined ? admin : { ...admin, tokens: [...admin.tokens, fromEnvironment] },
    trustedProxies: file.trustedProxies,
    limits: file.limits,
    timeouts: file.timeouts,
    log: { ...log, file: log.file === null ? null : resolve(configDir, log.file) },
    stateDir: resolve(configDir, file.stateDir),
    redis: toRedisConfig(file.redis, configDir),
    demo: file.demo ?? null,
    consul: file.consul === undefined || file.consul.url === '' ? null : toConsul(file.consul),
    configSource: file.configSource ?? null,
  }
}

function toListenerConfig(
  { tls, ...listener }: GatewayFile['listeners'][number],
  configDir: string,
): ListenerConfig {
  if (tls === undefined) return { ...listener, tls: null }
  const { certificates, clientCa, ...others } = tls
  return {
    ...listener,
    tls: {
      ...others,
      certificates: certificates.map(({ hosts, certFile, keyFile }) => ({
        hosts: hosts.map(lower),
        certFile: resolve(configDir, certFile),
        keyFile: resolve(configDir, keyFile),
      })),
      clientCa: clientCa === undefined ? null : resolve(configDir, clientCa),
    },
  }
}

function toConsul({ url, token }: NonNullable<GatewayFile['consul']>): ConsulConfig {
  return { url: toOrigin(url), token }
}

/** null: not there, or with an empty `url` (a variable that is not set) and nothing in its place. */
function toRedisConfig(file: GatewayFile['redis'], configDir: string): RedisConfig | null {
  if (file === undefined || !namesRedis(file)) return null
  const { sentinel, tls } = file
  const pathOf = (path: string | undefined) => (path === undefined ? null : resolve(configDir, path))
  return {
    url: file.url || null,
    sentinel:
      sentinel === undefined
        ? null
        : { ...sentinel, username: sentinel.username ?? null, password: sentinel.password ?? null },
    cluster: file.cluster ?? null,
    username: file.username ?? null,
    password: file.password ?? null,
    database: file.database,
    tls:
      tls === undefined
        ? null
        : {
            caFile: pathOf(tls.caFile),
            certFile: pathOf(tls.certFile),
            keyFile: pathOf(tls.keyFile),
            serverName: tls.serverName ?? null,
          },
    keyPrefix: file.keyPrefix,
    commandTimeoutMs: file.commandTimeoutMs,
    maxPending: file.maxPending,
    breaker: file.breaker,
  }
}

/** Whether this says where Redis is. */
export function namesRedis(file: NonNullable<GatewayFile['redis']>): boolean {
  return Boolean(file.url) || file.sentinel !== undefined || file.cluster !== undefined
}

export function toTenancyConfig(file: RoutesFile['tenancy']): TenancyConfig {
  return { ...file, baseDomains: file.baseDomains.map(lower) }
}

export function toTenant(tenant: RoutesFile['tenants'][number]): Tenant {
  return { ...tenant, hosts: tenant.hosts.map(lower) }
}

export function toUpstreams(
  file: RoutesFile['upstreams'],
  tlsFiles: UpstreamTlsFiles,
): Record<string, UpstreamConfig> {
  const upstreams: Record<string, UpstreamConfig> = {}
  for (const [name, upstream] of Object.entries(file)) {
    const { active, passive } = upstream.health
    const { targets = [], consul: _consul, dns: _dns, tls: _tls, ...others } = upstream
    upstreams[name] = {
      ...others,
      name,
      targets: targets.map(({ url, weight }) => ({ url: toOrigin(url), weight })),
      discovery: toDiscovery(upstream),
      tls: tlsFiles.read.get(name) ?? null,
      health: { active: active ?? null, passive: passive ?? null },
      hedge: upstream.hedge ?? null,
    }
  }
  return upstreams
}

function toDiscovery({ consul, dns }: RoutesFile['upstreams'][string]): DiscoveryConfig | null {
  if (consul !== undefined) {
    const { tag = [], datacenter = null, ...others } = consul
    return { kind: 'consul', ...others, tags: [tag].flat(), datacenter }
  }
  return dns === undefined ? null : { kind: 'dns', ...dns, port: dns.port ?? null }
}

function toOrigin(url: string): string {
  const parsed = parseOrigin(url)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.origin
}

export function toRouteConfig(route: RoutesFile['routes'][number]): RouteConfig {
  const { rewrite, upstream, headers } = route
  return {
    ...route,
    hosts: route.hosts.map(lower),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    upstream: typeof upstream === 'string' ? [{ name: upstream, weight: 1 }] : upstream,
    sticky: route.sticky ?? null,
    mirror: route.mirror ?? null,
    rewrite:
      rewrite === undefined ? null : { stripPrefix: rewrite.stripPrefix ?? null, path: rewrite.path ?? null },
    permission: route.permission ?? null,
  }
}

function lower(text: string): string {
  return text.toLowerCase()
}

/** Workers, the admin API and tests may all hold a snapshot: none of them can change it. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const child of Object.values(value)) freezeDeep(child)
  return value
}
