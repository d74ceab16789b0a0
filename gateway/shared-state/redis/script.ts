// A script that Redis knows by its hash, and gets again when it has forgotten it (a restart, SCRIPT FLUSH, another node).
// Any thread.
import { createHash } from 'node:crypto'
import type { RedisClient } from './connection.ts'

export interface Script {
  run(client: RedisClient, keys: readonly string[], args: readonly string[]): Promise<unknown>
}

export function createScript(text: string): Script {
  const sha1 = createHash('sha1').update(text).digest('hex')
  return {
    async run(client, keys, args) {
      try {
        return await client.evalsha(sha1, keys.length, ...keys, ...args)
      } catch (error) {
        // Said before anything was done, so that sending it whole does nothing twice.
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
        return client.eval(text, keys.length, ...keys, ...args)
      }
    },
  }
}
