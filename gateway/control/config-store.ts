// Where the config that runs is read from and written to: the config directory, or Consul KV (consul/kv-store.ts). Main
// thread; used by live-config.ts.
import { type ReadResult, readConfigFiles } from '../../config/load.ts'
import { writeConfigFiles } from '../../config/write.ts'
import type { ConfigFiles } from '../contract/control-api.ts'

export interface StoredConfig extends ReadResult {
  /** What a write compares with, by key; a store that only this process writes to has none. */
  readonly revisions: Readonly<Record<string, number>>
}

export interface ConfigStore {
  /** Never rejects: what cannot be read is a problem. */
  read(): Promise<StoredConfig>
  /**
   * Writes all of `changed` or nothing. Rejects with LostRace when what was read is no longer what is there, with a
   * ConfigError when it cannot be written.
   */
  write(read: StoredConfig, changed: Partial<ConfigFiles>): Promise<void>
}

/** Somebody else wrote first: reading again and doing the same edit anew may succeed. */
export class LostRace extends Error {}

export function createFileStore(dir: string): ConfigStore {
  return {
    read: async () => ({ ...(await readConfigFiles(dir)), revisions: {} }),
    write: (_read, changed) => writeConfigFiles(dir, changed),
  }
}
