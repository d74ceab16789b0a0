// Connection pools to targets, shared by all configs that name the same target with the same settings, so that a
// reload never touches a socket it need not. Worker thread; used by clusters.ts.
import { Pool } from 'undici'
import type { UpstreamConfig } from '../../contract/snapshot.ts'

export interface PoolLease {
  readonly pool: Pool
  release(): void
}

export interface Pools {
  lease(origin: string, config: UpstreamConfig): PoolLease
}

/** Response heads larger than this are refused: 64 KiB is four times what we take from clients. */
const responseHeaderBytes = 65_536

export function createPools(): Pools {
  const open = new Map<string, { pool: Pool; leases: number }>()
  return {
    lease(origin, { timeouts, breaker }) {
      const key = JSON.stringify([origin, timeouts, breaker.maxConnections])
      let held = open.get(key)
      if (held === undefined) {
        held = { pool: createPool(origin, timeouts, breaker.maxConnections), leases: 0 }
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

function createPool(origin: string, timeouts: UpstreamConfig['timeouts'], connections: number): Pool {
  return new Pool(origin, {
    connections,
    // One request at a time on a connection: a slow answer never holds up another tenant's.
    pipelining: 1,
    connect: { timeout: timeouts.connectMs },
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyIdleMs,
    keepAliveTimeout: 30_000,
    maxHeaderSize: responseHeaderBytes,
    maxResponseSize: -1,
  })
}
