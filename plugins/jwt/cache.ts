// Verified tokens, by the whole token. Worker thread; one per plugin instance, hence per issuer config.
import { LRUCache } from 'lru-cache'
import type { JwtConfig } from './schema.ts'
import type { Verified } from './verify.ts'

export interface TokenCache {
  /** Only what is still backed by the keys of its issuer; the caller looks at the clock and at revocations. */
  get(token: string): Verified | undefined
  set(token: string, verified: Verified): void
  delete(token: string): void
  size(): number
}

/** Parsed claims take some multiple of the token's text; a guess on the high side. */
const bytesPerCharacter = 6

export function createTokenCache({ maxEntries, maxBytes }: JwtConfig['cache']): TokenCache | null {
  if (maxEntries === 0) return null
  const entries = new LRUCache<string, Verified>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: (_, token) => token.length * bytesPerCharacter,
  })
  return {
    get(token) {
      const known = entries.get(token)
      if (known === undefined || known.generation === known.issuer.source.generation()) return known
      // The issuer's keys changed: the one that signed this token may have been withdrawn.
      entries.delete(token)
      return undefined
    },
    set: (token, verified) => void entries.set(token, verified),
    delete: (token) => void entries.delete(token),
    size: () => entries.size,
  }
}
