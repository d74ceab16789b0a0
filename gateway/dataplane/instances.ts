// Plugin instances over the life of configs: an unchanged entry keeps its instance (and so its caches). Worker thread.
import type { PluginDefinition } from '../contract/plugin.ts'
import type { PluginPorts } from '../contract/ports.ts'
import { replayFiles } from '../contract/recorded-files.ts'
import type { PluginEntry } from '../contract/snapshot.ts'
import type { Instance } from './chain.ts'

export type SharedPorts = Omit<PluginPorts, 'id' | 'slot' | 'files'>

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
  readonly instance: Instance
  /** Resolves once the instance may be used. */
  readonly started: Promise<void>
  leases: number
}

export function createInstanceStore(
  findDefinition: (plugin: string) => Promise<PluginDefinition>,
  ports: SharedPorts,
): InstanceStore {
  return new Store(findDefinition, ports)
}

class Store implements InstanceStore {
  readonly #findDefinition: (plugin: string) => Promise<PluginDefinition>
  readonly #ports: SharedPorts
  readonly #held = new Map<string, Held>()
  readonly #freeSlots: number[] = []
  #slots = 0

  constructor(findDefinition: (plugin: string) => Promise<PluginDefinition>, ports: SharedPorts) {
    this.#findDefinition = findDefinition
    this.#ports = ports
  }

  slotCount(): number {
    return this.#slots
  }

  async acquire(entries: readonly PluginEntry[]): Promise<InstanceLease> {
    const mine: Held[] = []
    const instances: Instance[] = []
    try {
      for (const entry of entries) {
        if (!entry.enabled) continue
        const one = this.#hold(entry, await this.#findDefinition(entry.plugin))
        mine.push(one)
        await one.started
        // The scope is the entry's, not the instance's: the same instance may be leased under a new scope.
        instances.push({ ...one.instance, entry })
      }
    } catch (error) {
      this.#dropAll(mine)
      throw error
    }
    return { instances, release: () => this.#dropAll(mine) }
  }

  /** Nothing is awaited between the look-up and the entry: two configs that come together share one instance. */
  #hold(entry: PluginEntry, definition: PluginDefinition): Held {
    const key = JSON.stringify([entry.id, entry.plugin, entry.config, entry.files?.digest])
    let one = this.#held.get(key)
    if (one === undefined) {
      one = this.#make(key, entry, definition)
      this.#held.set(key, one)
    }
    one.leases += 1
    return one
  }

  #make(key: string, entry: PluginEntry, definition: PluginDefinition): Held {
    const slot = this.#freeSlots.pop() ?? this.#slots++
    try {
      const files = replayFiles(entry.files)
      const plugin = definition.create(entry.config as never, { ...this.#ports, id: entry.id, slot, files })
      const started = Promise.try(() => plugin.start?.())
      // Who leases it sees the rejection; it must not end the worker before somebody looks.
      started.catch(() => {})
      return { key, slot, started, leases: 0, instance: { entry, definition, plugin } }
    } catch (error) {
      this.#freeSlots.push(slot)
      throw error
    }
  }

  /** Empties the list, so that letting go twice is letting go once. */
  #dropAll(mine: Held[]): void {
    for (const one of mine.splice(0)) this.#drop(one)
  }

  #drop(one: Held): void {
    one.leases -= 1
    if (one.leases > 0) return
    this.#held.delete(one.key)
    this.#freeSlots.push(one.slot)
    const { plugin, entry } = one.instance
    Promise.try(() => plugin.close?.()).catch((error) =>
      this.#ports.log.error({ plugin: entry.id, err: error }, 'a plugin failed to close'),
    )
  }
}
