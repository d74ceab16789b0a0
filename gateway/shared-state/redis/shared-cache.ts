// A cache that all gateways share, which forgets on demand without searching. Worker thread.
//
// Every scope has an epoch, a random text under a key of its own; an entry is kept with the epochs of its scopes as they
// were before its value was found out (the seal), and counts only while they are the same. A purge changes one epoch: at
// once, whatever lies below it, also for a value that is still on its way.
import { randomUUID } from 'node:crypto'
import type { SharedCache, SharedReading } from '../../contract/ports.ts'
import type { RedisLink } from './link.ts'

/** No entry lives longer; so an epoch that nobody has used for this long speaks about nothing. */
const longestMs = 86_400_000
const epochMs = 2 * longestMs

export function createSharedCache(link: RedisLink): SharedCache {
  const { keyPrefix } = link

  /** The first two scopes decide the node of a Cluster: an instance's tenant lies together, and the instance by itself. */
  function keysOf(scope: readonly string[], names: readonly string[]) {
    const tag = scope.slice(0, 2).map(toPart).join('')
    const rest = scope.slice(2).map(toPart)
    const epochs = [`${keyPrefix}epoch:{${tag}}`]
    for (let i = 1; i <= rest.length; i++)
      epochs.push(`${keyPrefix}epoch:{${tag}}${rest.slice(0, i).join('')}`)
    return {
      widest: `${keyPrefix}epoch:{${toPart(scope[0] ?? '')}}`,
      epochs,
      entries: names.map((name) => `${keyPrefix}entry:{${tag}}${rest.join('')}/${name}`),
    }
  }

  return {
    async read(scope, names): Promise<SharedReading> {
      const { widest, epochs, entries } = keysOf(scope, names)
      const [first, found] = await link.run('cache', (client) =>
        Promise.all([client.get(widest), client.mget(...epochs, ...entries)]),
      )
      const seal = JSON.stringify([first, ...found.slice(0, epochs.length)])
      return { seal, values: found.slice(epochs.length).map((text) => unseal(text ?? null, seal)) }
    },
    async write(scope, name, value, { seal, ttlMs }) {
      const [key = ''] = keysOf(scope, [name]).entries
      const lives = Math.min(Math.ceil(ttlMs), longestMs)
      await link.run('cache', (client) => client.set(key, `${seal}\n${value}`, 'PX', lives))
    },
    async purge(scope) {
      const { widest, epochs } = keysOf(scope, [])
      const key = scope.length < 2 ? widest : (epochs.at(-1) as string)
      await link.run('cache', (client) => client.set(key, randomUUID(), 'PX', epochMs))
    },
  }
}

function unseal(text: string | null, seal: string): string | null {
  return text?.startsWith(`${seal}\n`) ? text.slice(seal.length + 1) : null
}

/** With its length in front, no part can pass for two, and a brace in it for the end of the tag. */
function toPart(text: string): string {
  return `${text.length}:${text.replaceAll('%', '%25').replaceAll('}', '%7D')}`
}
