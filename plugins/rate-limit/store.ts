// Where an instance counts, and what it does when it cannot. Worker thread.
import type { CounterStore, PluginPorts } from '../../gateway/contract/ports.ts'
import type { RateLimitConfig } from './schema.ts'

export interface Stores {
  readonly first: CounterStore
  /** Asked when the first one fails; null: `onStoreFailure` says what happens then. */
  readonly fallback: CounterStore | null
}

export function pickStores(
  { store, syncMs, onStoreFailure }: Readonly<RateLimitConfig>,
  { counters, sharedCounters }: Pick<PluginPorts, 'counters' | 'sharedCounters'>,
): Stores {
  if (store === 'local') return { first: counters, fallback: null }
  if (sharedCounters === null) {
    throw new Error(
      'the store "redis" needs a Redis that this process is connected to: name it in gateway.json and restart',
    )
  }
  if (syncMs > 0) return { first: sharedCounters.synced(syncMs), fallback: null }
  return { first: sharedCounters, fallback: onStoreFailure === 'local' ? counters : null }
}
