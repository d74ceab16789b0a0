// What a worker shares with other gateways, over one connection. Worker thread; loaded by gateway/worker.ts only where
// gateway.json names a Redis.
import type { Clock, Logger, MetricsPort, SharedCache, SharedCounters } from '../../contract/ports.ts'
import type { StoreStatus } from '../../contract/protocol.ts'
import type { RedisConfig } from '../../contract/snapshot.ts'
import type { LocalCounterStore } from '../counter-table.ts'
import { createRedisCounters } from './counters.ts'
import { createRedisLink } from './link.ts'
import { createSharedCache } from './shared-cache.ts'
import { createSyncedCounters } from './synced-counters.ts'

export interface WorkerStateOptions {
  readonly config: RedisConfig
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsPort
  readonly local: LocalCounterStore
}

export interface WorkerState {
  readonly counters: SharedCounters
  readonly cache: SharedCache
  status(): StoreStatus
  close(): void
}

export function openWorkerState({ config, clock, log, metrics, local }: WorkerStateOptions): WorkerState {
  const link = createRedisLink({ config, clock, log, metrics })
  const redis = createRedisCounters({ link, oneNode: config.cluster === null })
  return {
    counters: {
      take: redis.take,
      peek: redis.peek,
      reset: redis.reset,
      synced: (syncMs) => createSyncedCounters({ local, redis, clock, log, syncMs }),
    },
    cache: createSharedCache(link),
    status: () => link.status(),
    close: () => link.close(),
  }
}
