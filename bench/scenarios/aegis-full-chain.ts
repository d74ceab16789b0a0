// The chain of the shipped config/plugins.json, with a verified token, a permission and limits that are never reached.
import { readFile } from 'node:fs/promises'
import { benchHost, signBenchToken, startAegis } from '../aegis.ts'
import type { Scenario } from '../scenario.ts'

interface Entry {
  readonly plugin: string
  readonly config?: { readonly limits?: readonly object[] }
}

export const aegisFullChain: Scenario = {
  name: 'aegis, the shipped chain',
  async start(bench) {
    const shipped = new URL('../../config/plugins.json', import.meta.url)
    const { plugins } = JSON.parse(await readFile(shipped, 'utf8')) as { plugins: readonly Entry[] }
    return startAegis(bench, {
      plugins: plugins.map(widenLimits),
      route: { permission: { resource: 'items', action: '{method}' } },
      headers: {
        host: benchHost,
        authorization: `Bearer ${signBenchToken()}`,
        origin: 'https://app.example.com',
      },
    })
  },
}

/** Counting costs the same whatever the limit is; a 429 costs less than a request that is served. */
function widenLimits(entry: Entry): Entry {
  if (entry.plugin !== 'rate-limit') return entry
  const limits = (entry.config?.limits ?? []).map((limit) => ({
    ...limit,
    limit: 1_000_000_000,
    burst: 1_000_000_000,
  }))
  return { ...entry, config: { ...entry.config, limits } }
}
