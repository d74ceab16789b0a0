// Decides by gateway.json where the rest of the config is: beside it, or in Consul KV. Main thread; called by start.ts
// before anything else is known.
import type { Environment } from '../../config/env.ts'
import { parseGatewayFile } from '../../config/gateway-file.ts'
import type { History } from '../../config/history.ts'
import { readConfigFiles } from '../../config/load.ts'
import type { GatewayStatus } from '../contract/control-api.ts'
import type { PluginDefinition } from '../contract/plugin.ts'
import type { Clock } from '../contract/ports.ts'
import { type ConfigStore, createFileStore } from './config-store.ts'
import { createKvStore, type KvStore } from './consul/kv-store.ts'
import { type ConsulParts, connectConsul } from './discovery/compose.ts'
import { buildFiles } from './live-config.ts'

export interface ConfigSource {
  readonly kind: GatewayStatus['config']['source']
  readonly store: ConfigStore
  /** null: gateway.json names no Consul. */
  readonly consul: ConsulParts | null
  /** Where that is asked for, puts the files of the config directory into an empty store. Never rejects. */
  seed(): Promise<void>
  /** Calls back when the store says that the config has changed; files are watched otherwise. The returned function ends it. */
  follow(onChange: () => void): () => void
}

export interface SourceParts {
  readonly environment: Environment
  readonly history: Pick<History, 'lastGood'>
  readonly clock: Clock
  readonly definitions: ReadonlyMap<string, PluginDefinition>
}

export async function openConfigSource(parts: SourceParts): Promise<ConfigSource> {
  const { environment, history, clock } = parts
  const { configDir } = environment
  const { files } = await readConfigFiles(configDir)
  const lastGood = history.lastGood()
  const gateway =
    parseGatewayFile(files.gateway, environment) ??
    (lastGood === null ? null : parseGatewayFile(lastGood.gateway, environment))
  const consul = gateway === null ? null : connectConsul(gateway, clock)
  const source = gateway?.configSource ?? null
  if (source === null || consul === null) {
    const store = createFileStore(configDir)
    return { kind: 'files', store, consul, seed: async () => {}, follow: () => () => {} }
  }
  const prefix = source.consulKv
  const store = createKvStore({ client: consul.client, prefix, configDir })
  const ports = { clock, random: Math.random, crowd: consul.crowd }
  return {
    ...{ kind: { consulKv: prefix }, store, consul },
    seed: async () => void (source.seed && (await seed(store, parts))),
    follow: (onChange) => store.follow(ports, onChange),
  }
}

/** Only a config that would run is put there, and only where there is none; what goes wrong shows when it is read. */
async function seed(store: KvStore, { environment, definitions }: SourceParts): Promise<void> {
  const local = await readConfigFiles(environment.configDir)
  const built = await buildFiles(local, environment, definitions)
  if (built.ok) await store.seed(local.files).catch(() => false)
}
