// Plugin instances over the life of configs: an unchanged entry keeps its instance (and so its caches). Worker thread.
import type { PluginDefinition } from '../contract/plugin.ts'
import type { PluginPorts } from '../contract/ports.ts'
import type { PluginEntry } from '../contract/snapshot.ts'
import type { Instance } from './chain.ts'

export type SharedPorts = Omit<PluginPorts, 'id' | 'slot'>

export interface InstanceStore {
  /** Makes or reuses one instance per enabled entry, started. Rejects when one cannot start; nothing is kept then. */
  acquire(entries: readonly PluginEntry[]): Promise<InstanceLease>
  /** Size that `slots` of an exchange must have. */
  slotCount(): number
}

export interface InstanceLease {
  readonly instances: readonly Instance[]
  /** The last lease on an instance closes it. */
  release(): void
}

interface Held {
  readonly key: string
  readonly slot: number
  instance: Instance
  leases: number
}

export function createInstanceStore(
  findDefinition: (plugin: string) => Promise<PluginDefinition>,
  ports: SharedPorts,
): InstanceStore {
  const held = new Map<string, Held>()
  let slots = 0
  const freeSlots: number[] = []

  const drop = (one: Held): void => {
    one.leases -= 1
    if (one.leases > 0) return
    held.delete(one.key)
    freeSlots.push(one.slot)
    Promise.resolve(one.instance.plugin.close?.()).catch((error) =>
      ports.log.error({ plugin: one.instance.entry.id, err: error }, 'a plugin failed to close'),
    )
  }

  const hold = async (entry: PluginEntry): Promise<Held> => {
    const key = JSON.stringify([entry.id, entry.plugin, entry.config])
    const known = held.get(key)
    if (known !== undefined) {
      known.leases += 1
      return known
    }
    const definition = await findDefinition(entry.plugin)
    const slot = freeSlots.pop() ?? slots++
    const plugin = definition.create(entry.config as never, { ...ports, id: entry.id, slot })
    const one: Held = { key, slot, leases: 1, instance: { entry, definition, plugin } }
    held.set(key, one)
    await plugin.start?.()
    return one
  }

  return {
    slotCount: () => slots,
    async acquire(entries) {
      const mine: Held[] = []
      try {
        // One after another: two entries of one key must meet in `held`.
        for (const entry of entries) if (entry.enabled) mine.push(await hold(entry))
      } catch (error) {
        for (const one of mine) drop(one)
        throw error
      }
      // The scope is the entry's, not the instance's: the same instance may be leased under a new scope.
      const scoped = new Map(entries.map((entry) => [entry.id, entry]))
      const instances = mine.map(({ instance }) => ({
        ...instance,
        entry: scoped.get(instance.entry.id) ?? instance.entry,
      }))
      return {
        instances,
        release: () => {
          for (const one of mine) drop(one)
        },
      }
    },
  }
}
