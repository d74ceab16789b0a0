// The other gateways that share a Redis with this one: revocations and purges go both ways. Main thread; called by start.ts.
// Without Redis it is this gateway alone, and nothing of Redis is loaded.
import { GatewayError } from '../contract/errors.ts'
import type { Clock, Logger, MetricsPort } from '../contract/ports.ts'
import type { StoreStatus } from '../contract/protocol.ts'
import type { RedisConfig } from '../contract/snapshot.ts'
import type { SharedRevocation } from '../shared-state/redis/revocation-hash.ts'
import type { RevocationStore } from './revocations.ts'
import { createSharedRevocations, mergedTopic, revocationTopic } from './shared-revocations.ts'

export interface Purge {
  readonly plugin: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface Siblings {
  readonly revocations: RevocationStore
  /** Rejects with a GatewayError when the others could not be told. */
  tellPurge(purge: Purge): Promise<void>
  /** null: there is no Redis. */
  status(): StoreStatus | null
  close(): void
}

export interface SiblingsOptions {
  readonly config: RedisConfig | null
  readonly local: RevocationStore
  readonly limit: number
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsPort
  /** The list of revocations has changed by what others did. */
  readonly onRevocations: () => void
  /** What another gateway has purged; null: something may have been missed, so everything that can be purged. */
  readonly onPurge: (purge: Purge | null) => void
}

const purgeTopic = 'purge'

export async function openSiblings(options: SiblingsOptions): Promise<Siblings> {
  const { config, local } = options
  if (config !== null) return openShared(config, options)
  return { revocations: local, tellPurge: async () => {}, status: () => null, close: () => {} }
}

async function openShared(config: RedisConfig, options: SiblingsOptions): Promise<Siblings> {
  const { createNews } = await import('../shared-state/redis/news.ts')
  const { createRevocationHash } = await import('../shared-state/redis/revocation-hash.ts')
  const { clock, log, metrics, local, limit } = options
  const news = createNews({
    ...{ config, clock, log, metrics },
    onMessage(topic, message) {
      if (topic === purgeTopic) options.onPurge(message as Purge)
      else if (topic === revocationTopic) revocations.hear(message as SharedRevocation)
      else if (topic === mergedTopic) revocations.resync()
    },
    onMissed() {
      revocations.resync()
      options.onPurge(null)
    },
    onTick: () => revocations.tick(),
  })
  const revocations = createSharedRevocations({
    ...{ local, news, clock, log, limit },
    hash: createRevocationHash(news.link),
    onChange: options.onRevocations,
  })
  return {
    revocations,
    async tellPurge(purge) {
      await news.tell(purgeTopic, purge).catch((cause: Error) => {
        throw notTold(cause)
      })
    },
    status: () => news.link.status(),
    close: () => news.close(),
  }
}

function notTold(cause: Error): GatewayError {
  return new GatewayError(
    'This gateway has forgotten it. Redis does not answer, so the shared cache and the other gateways may not have: do it again when Redis is back.',
    { code: 'AEGIS_PURGE_NOT_SHARED', source: 'internal', status: 503, cause },
  )
}
