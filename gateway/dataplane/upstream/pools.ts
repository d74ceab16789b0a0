// Connection pools to targets, shared by all configs that name the same target with the same settings, so that a
// reload never touches a socket it need not. Worker thread; used by clusters.ts.
import { type Dispatcher, Pool } from 'undici'
import type { UpstreamConfig } from '../../contract/snapshot.ts'
import { toTlsConnect } from '../../contract/upstream-tls.ts'
import { Http1Client } from '../http1/client.ts'
import { Deadlines } from '../http1/deadlines.ts'
import { Http2Client } from '../http2/client.ts'
import { createPinnedConnector, withOneName } from './pinned-name.ts'
import { type TargetAddress, toTargetAddress } from './target-address.ts'
import type { Transport } from './transport.ts'
import { createUndiciTransport } from './undici-transport.ts'

/** Connections to one target. */
export interface TargetPool {
  /** For the requests of clients. */
  readonly transport: Transport
  /** undici, for the gateway's own questions. */
  readonly questions: Dispatcher
}

export interface PoolLease {
  readonly pool: TargetPool
  release(): void
}

export interface Pools {
  /** `knownAs`: the host that discovery found for an address. */
  lease(origin: string, config: UpstreamConfig, knownAs: string | null): PoolLease
}

/** Response heads larger than this are refused: 64 KiB is four times what we take from clients. */
const responseHeaderBytes = 65_536
const keepAliveMs = 30_000
const readBytes = 65_536

interface OpenPool extends TargetPool {
  close(): Promise<unknown>
}

/** What the pools of a worker share. */
interface Shared {
  readonly deadlines: Deadlines
  readonly readBuffer: Uint8Array
}

export function createPools(): Pools {
  const open = new Map<string, { pool: OpenPool; leases: number }>()
  const shared: Shared = { deadlines: new Deadlines(), readBuffer: Buffer.allocUnsafeSlow(readBytes) }
  return {
    lease(origin, config, knownAs) {
      const { timeouts, breaker, transport, tls } = config
      const key = JSON.stringify([
        origin,
        timeouts,
        breaker.maxConnections,
        transport,
        ...secrecyOf(origin, config, knownAs),
      ])
      let held = open.get(key)
      if (held === undefined) {
        held = { pool: createPool(origin, config, toTargetAddress(origin, tls, knownAs), shared), leases: 0 }
        open.set(key, held)
      }
      held.leases += 1
      const mine = held
      return {
        pool: mine.pool,
        release() {
          mine.leases -= 1
          if (mine.leases > 0) return
          open.delete(key)
          // Graceful: requests under way end first. A failure to close leaves nothing to do.
          mine.pool.close().catch(() => {})
        },
      }
    },
  }
}

function createPool(origin: string, config: UpstreamConfig, target: TargetAddress, shared: Shared): OpenPool {
  const pool = createUndiciPool(origin, config)
  const own = createOwnTransport(config, target, shared)
  if (own === null)
    return { transport: createUndiciTransport(pool), questions: pool, close: () => pool.close() }
  return { transport: own, questions: pool, close: () => Promise.all([own.close(), pool.close()]) }
}

/** null: undici carries the requests. */
function createOwnTransport(
  { transport, breaker, timeouts }: UpstreamConfig,
  target: TargetAddress,
  shared: Shared,
): Transport | null {
  const most = breaker.maxConnections
  const options = { target, timeouts: { ...timeouts, keepAliveMs }, ...shared }
  if (transport === 'http1') return new Http1Client({ ...options, connections: most })
  if (transport === 'http2') return new Http2Client({ ...options, requests: most })
  return null
}

/** What tells pools with TLS apart; nothing for plain ones. */
function secrecyOf(origin: string, { preserveHost, tls }: UpstreamConfig, knownAs: string | null): unknown[] {
  return origin.startsWith('https://') ? [preserveHost, tls, knownAs] : []
}

function createUndiciPool(origin: string, config: UpstreamConfig): Dispatcher {
  const { timeouts, breaker, tls, preserveHost } = config
  // Else a server with TLS chooses whether undici speaks HTTP/2 to it.
  const allowH2 = config.transport === 'http2'
  const connect = { timeout: timeouts.connectMs, allowH2, ...toTlsConnect(tls) }
  const options = {
    connections: breaker.maxConnections,
    // One request at a time on a connection: a slow answer never holds up another tenant's.
    pipelining: 1,
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyIdleMs,
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: responseHeaderBytes,
    maxResponseSize: -1,
    allowH2,
    useH2c: allowH2 && origin.startsWith('http://'),
  }
  // Else Host is the target's own, and so is the name that undici takes from it.
  const pinned = origin.startsWith('https://') && (preserveHost || tls?.serverName)
  if (!pinned) return new Pool(origin, { ...options, connect })
  const name = tls?.serverName ?? ''
  const pool = new Pool(origin, { ...options, connect: createPinnedConnector(connect, name) })
  return withOneName(pool, name || new URL(origin).hostname)
}
