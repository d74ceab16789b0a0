// The revocations that all gateways share, as Redis keeps them: one field a subject. Main thread.
//
// What was lifted stays as a mark until it would have ended anyway: a gateway that was away learns from it that the entry it
// still has was lifted, and does not bring it back.
import type { Revocation } from '../../contract/protocol.ts'
import type { RedisLink } from './link.ts'
import { createScript } from './script.ts'

export type SharedRevocation = Revocation & { readonly lifted?: true }

export interface RevocationHash {
  readAll(): Promise<SharedRevocation[]>
  /** Lays these over what is there; answers what then holds for each. */
  merge(entries: readonly SharedRevocation[]): Promise<SharedRevocation[]>
  drop(entries: readonly SharedRevocation[]): Promise<void>
}

const mostInOneCall = 200

/** A lifted entry stays lifted unless it was made anew since; two live ones become the longer one. One step for all gateways. */
const mergeScript = createScript(`
local answers = {}
for i = 1, #ARGV, 2 do
  local entry = cjson.decode(ARGV[i + 1])
  local text = redis.call('HGET', KEYS[1], ARGV[i])
  local known = text and cjson.decode(text)
  local write = true
  if known and known.id == entry.id and known.lifted ~= entry.lifted then
    local lifted = known.lifted and known or entry
    local live = known.lifted and entry or known
    write = (live.notBefore > lifted.notBefore) == (live == entry)
  elseif known and not known.lifted and not entry.lifted then
    entry.id = known.id
    entry.notBefore = math.max(entry.notBefore, known.notBefore)
    entry.expiresAt = math.max(entry.expiresAt, known.expiresAt)
  elseif known and entry.lifted then
    write = false
  end
  local result = write and cjson.encode(entry) or text
  if write then redis.call('HSET', KEYS[1], ARGV[i], result) end
  answers[#answers + 1] = result
end
return answers
`)

export function createRevocationHash(link: RedisLink): RevocationHash {
  const key = `${link.keyPrefix}{revocations}`
  return {
    async readAll() {
      const found: SharedRevocation[] = []
      let cursor = '0'
      do {
        const [next, fields] = await link.run('news', (client) =>
          client.hscan(key, cursor, 'COUNT', mostInOneCall),
        )
        for (let i = 1; i < fields.length; i += 2) found.push(parse(fields[i] as string))
        cursor = next
      } while (cursor !== '0')
      return found
    },
    async merge(entries) {
      const merged: SharedRevocation[] = []
      for (let at = 0; at < entries.length; at += mostInOneCall) {
        const args = entries
          .slice(at, at + mostInOneCall)
          .flatMap((entry) => [subjectOf(entry), JSON.stringify(entry)])
        const texts = await link.run('news', (client) => mergeScript.run(client, [key], args))
        merged.push(...(texts as string[]).map(parse))
      }
      return merged
    },
    async drop(entries) {
      for (let at = 0; at < entries.length; at += mostInOneCall) {
        const fields = entries.slice(at, at + mostInOneCall).map(subjectOf)
        await link.run('news', (client) => client.hdel(key, ...fields))
      }
    },
  }
}

/** Whom an entry is about; never one joined text: ids may hold anything. */
export function subjectOf({ kind, tenantId, subject }: Omit<Revocation, 'id'>): string {
  return JSON.stringify([kind, tenantId, subject])
}

function parse(text: string): SharedRevocation {
  return JSON.parse(text) as SharedRevocation
}
