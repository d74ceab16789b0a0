// One connection to Redis, as ioredis makes it out of gateway.json. Any thread; only loaded where Redis is configured.
//
// What is asked while there is no connection fails at once: nothing is queued, nothing is sent again on a new
// connection. So an answer can only belong to the command that was sent for it, on the connection it was sent on.
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis } from 'ioredis'
import type { RedisConfig } from '../../contract/snapshot.ts'

export type RedisClient = Redis | Cluster

export interface ConnectionUse {
  /** Commands of one turn of the event loop leave in one write. */
  readonly pipelined: boolean
  readonly onError: (error: Error) => void
}

/** Reconnect pauses grow to this, so that a Redis that is back is found within a second. */
const longestPauseMs = 500
/** With commands on their way, a socket that is silent for longer is given up; a stopped host sends no reset. */
const silentMs = 1_000
const defaultPort = 6379

/** Connects in the background and again whenever the connection is lost, until `disconnect` is called. */
export function openConnection(config: RedisConfig, use: ConnectionUse): RedisClient {
  const client = config.cluster === null ? openSingle(config, use) : openCluster(config, use)
  client.on('error', use.onError)
  return client
}

function openSingle(config: RedisConfig, use: ConnectionUse): Redis {
  return new Redis({
    ...toOptions(config, use),
    ...(config.sentinel === null ? addressOf(config) : toSentinels(config, config.sentinel)),
    retryStrategy: pauseBefore,
    enableOfflineQueue: false,
  })
}

/** TLS holds for the Sentinels and for what they name; ioredis would leave both in the clear. */
function toSentinels(config: RedisConfig, sentinel: NonNullable<RedisConfig['sentinel']>) {
  const { name, nodes, username, password } = sentinel
  const tls = toTls(config, false)
  return {
    ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    name,
    sentinels: nodes.map(toNode),
    sentinelRetryStrategy: pauseBefore,
    sentinelCommandTimeout: silentMs,
    ...(username === null ? {} : { sentinelUsername: username }),
    ...(password === null ? {} : { sentinelPassword: password }),
  }
}

function openCluster(config: RedisConfig, use: ConnectionUse): Cluster {
  const { enableAutoPipelining, ...redisOptions } = toOptions(config, use)
  return new Cluster(config.cluster?.nodes.map(toNode) ?? [], {
    redisOptions,
    enableAutoPipelining,
    enableOfflineQueue: false,
    clusterRetryStrategy: pauseBefore,
    slotsRefreshTimeout: silentMs,
    slotsRefreshInterval: 10_000,
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    retryDelayOnTryAgain: 50,
    maxRedirections: 3,
  })
}

function toOptions(config: RedisConfig, use: ConnectionUse) {
  const fromUrl = config.url === null ? null : new URL(config.url)
  const username = config.username ?? textOf(fromUrl?.username)
  const password = config.password ?? textOf(fromUrl?.password)
  const tls = toTls(config, fromUrl?.protocol === 'rediss:')
  return {
    protocol: 2 as const,
    connectionName: 'aegis',
    enableAutoPipelining: use.pipelined,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silentMs,
    socketTimeout: Math.max(silentMs, 2 * config.commandTimeoutMs),
    // ioredis waits as long as Redis expects to load, which may be many seconds too long.
    maxLoadingRetryTime: longestPauseMs,
    // After a failover the old primary may still answer, as a replica.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    db: config.database || databaseOf(fromUrl),
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls === null ? {} : { tls }),
  }
}

function addressOf({ url }: RedisConfig): { host: string; port: number } {
  const { hostname, port } = new URL(url ?? 'redis://127.0.0.1')
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) }
}

function databaseOf(url: URL | null): number {
  const path = url?.pathname.slice(1) ?? ''
  return /^\d+$/.test(path) ? Number(path) : 0
}

function textOf(encoded: string | undefined): string | null {
  return encoded === undefined || encoded === '' ? null : decodeURIComponent(encoded)
}

function toNode(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

function toTls({ tls }: RedisConfig, asked: boolean): ConnectionOptions | null {
  if (tls === null) return asked ? {} : null
  return {
    ...(tls.caFile === null ? {} : { ca: readFileSync(tls.caFile) }),
    ...(tls.certFile === null ? {} : { cert: readFileSync(tls.certFile) }),
    ...(tls.keyFile === null ? {} : { key: readFileSync(tls.keyFile) }),
    ...(tls.serverName === null ? {} : { servername: tls.serverName }),
  }
}

/** Gateways that lost the same Redis do not all come back in the same millisecond. */
function pauseBefore(attempt: number): number {
  return Math.min(longestPauseMs, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
}
