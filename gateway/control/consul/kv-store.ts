// routes.json and plugins.json in Consul KV, below one key prefix, for many gateways; gateway.json stays a file of each.
// Both keys are compared and set in one transaction. Main thread; made by start.ts where `configSource` is given.
import { parseConfigText, readConfigFiles } from '../../../config/load.ts'
import { toFileText, writeConfigFiles } from '../../../config/write.ts'
import type { ConfigFiles } from '../../contract/control-api.ts'
import { ConfigError, type ConfigProblem } from '../../contract/errors.ts'
import { type ConfigStore, LostRace, type StoredConfig } from '../config-store.ts'
import { type QueryPorts, runBlockingQuery } from './blocking-query.ts'
import type { Check, ConsulClient, KeyValue } from './client.ts'

/** Those of the three files that are shared. */
const shared = ['routes', 'plugins'] as const
type Shared = (typeof shared)[number]

export interface KvStoreOptions {
  readonly client: ConsulClient
  /** Without slashes at its ends. */
  readonly prefix: string
  readonly configDir: string
}

export interface KvStore extends ConfigStore {
  /** Puts the files there unless one of the keys is there already; false then. */
  seed(files: ConfigFiles): Promise<boolean>
  /** Calls back with each change of a key, first with what is there now. The returned function ends it. */
  follow(ports: QueryPorts, onChange: () => void): () => void
}

export function createKvStore(options: KvStoreOptions): KvStore {
  const { client, prefix, configDir } = options
  const keyOf = (name: Shared): string => `${prefix}/${name}.json`
  const readKeys = async () => {
    const never = new AbortController().signal
    const { value } = await client.keys(`${prefix}/`, { index: 0, signal: never })
    return new Map(value.map((one) => [one.key, one]))
  }
  const writeKeys = async (checks: readonly Check[], pairs: readonly KeyValue[]): Promise<boolean> => {
    try {
      return await client.write(checks, pairs)
    } catch (error) {
      throw new ConfigError(shared.map((name) => toProblem(name, toWriteSentence(prefix, error as Error))))
    }
  }
  return {
    async read() {
      const local = await readConfigFiles(configDir)
      const own = local.problems.filter(({ file }) => file === 'gateway.json')
      try {
        const keys = await readKeys()
        return withShared({ files: local.files, problems: own }, (name) => keys.get(keyOf(name)), keyOf)
      } catch (error) {
        const sentence = `Consul KV cannot be read at ${prefix}: ${(error as Error).message}.`
        const problems = [...own, ...shared.map((name) => toProblem(name, sentence))]
        return { files: { ...local.files, routes: {}, plugins: {} }, problems, revisions: {} }
      }
    },

    async write({ revisions }, changed) {
      const pairs: KeyValue[] = []
      const checks: Check[] = []
      for (const name of shared) {
        const [key, index, content] = [keyOf(name), revisions[name] ?? 0, changed[name]]
        // What was not changed was checked together with what was: it must still be the same.
        if (content === undefined) checks.push({ key, index })
        else pairs.push({ key, index, value: toFileText(content) })
      }
      if (pairs.length > 0 && !(await writeKeys(checks, pairs))) throw new LostRace(`${prefix} was changed`)
      if (changed.gateway !== undefined) await writeConfigFiles(configDir, { gateway: changed.gateway })
    },

    seed: (files) =>
      writeKeys(
        [],
        shared.map((name) => ({ key: keyOf(name), index: 0, value: toFileText(files[name]) })),
      ),

    follow(ports, onChange) {
      let seen: string | null = null
      return runBlockingQuery(
        {
          ask: (ask) => client.keys(`${prefix}/`, ask),
          onAnswer(keys) {
            const now = JSON.stringify(keys.map(({ key, index }) => [key, index]))
            if (now === seen) return
            seen = now
            onChange()
          },
          // After an outage the config is read again, changed or not.
          onFailure: () => {
            seen = null
          },
        },
        ports,
      )
    },
  }
}

function withShared(
  local: Pick<StoredConfig, 'files' | 'problems'>,
  find: (name: Shared) => KeyValue | undefined,
  keyOf: (name: Shared) => string,
): StoredConfig {
  const files = { ...local.files, routes: {}, plugins: {} } as {
    -readonly [K in keyof ConfigFiles]: ConfigFiles[K]
  }
  const problems = [...local.problems]
  const revisions: Record<string, number> = {}
  for (const name of shared) {
    const found = find(name)
    if (found === undefined) {
      problems.push(
        toProblem(
          name,
          `There is no key ${keyOf(name)} in Consul KV. Put the content of a ${name}.json there.`,
        ),
      )
      continue
    }
    revisions[name] = found.index
    const parsed = parseConfigText(found.value)
    if ('problem' in parsed) problems.push(toProblem(name, parsed.problem))
    else {
      files[name] = parsed.value
      for (const problem of parsed.problems) problems.push({ file: `${name}.json`, ...problem })
    }
  }
  return { files, problems, revisions }
}

function toProblem(name: Shared, message: string): ConfigProblem {
  return { file: `${name}.json`, pointer: '', message }
}

function toWriteSentence(prefix: string, { message }: Error): string {
  const remedy = message.includes('413')
    ? ' Consul takes at most 512 KiB in one key unless its kv_max_value_size says otherwise.'
    : ''
  return `Consul KV cannot be written at ${prefix}: ${message}.${remedy}`
}
