// Reads a JWK Set (RFC 7517). A set that contradicts itself is refused as a whole, a single unusable key is left out.
// Worker thread; called by key-source.ts.
import type { JWK } from 'jose'
import { importJwk, type VerificationKey } from './keys.ts'
import type { Algorithm } from './schema.ts'

export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Why keys of the set were left out. */
  readonly skipped: readonly string[]
}

const maxKeys = 100

/** Throws a plain sentence when the set is unusable: the caller keeps what it had. */
export async function parseJwks(text: string, algorithms: readonly Algorithm[]): Promise<KeySet> {
  const jwks = readSet(text)
  refuseContradictions(jwks)
  const keys: VerificationKey[] = []
  const skipped: string[] = []
  for (const [index, jwk] of jwks.entries()) {
    try {
      if (!isForVerifying(jwk)) throw new Error('it is not meant for verifying signatures')
      keys.push(await importJwk(jwk, algorithms))
    } catch (error) {
      skipped.push(`key ${index}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (keys.length === 0) throw new Error(`it has no usable key (${skipped.join('; ')})`)
  return { keys, skipped }
}

function readSet(text: string): JWK[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('it is not JSON')
  }
  const list = isObject(value) ? value.keys : undefined
  if (!Array.isArray(list)) throw new Error('it is not a JWK Set: an object with a list named keys')
  if (list.length > maxKeys) throw new Error(`it has more than ${maxKeys} keys`)
  return list.filter(isObject) as unknown as JWK[]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a JWK Set that anybody could mean differently looks like: private keys, mixed kinds, one name for two keys. */
function refuseContradictions(jwks: readonly JWK[]): void {
  const asymmetric = jwks.filter((jwk) => jwk.kty !== 'oct')
  if (asymmetric.some((jwk) => 'd' in jwk || 'priv' in jwk)) throw new Error('it holds a private key')
  if (asymmetric.length > 0 && asymmetric.length < jwks.length) {
    throw new Error('it mixes secrets with public keys')
  }
  const kids = jwks.filter(isForVerifying).flatMap(({ kid }) => (kid === undefined ? [] : [kid]))
  if (new Set(kids).size < kids.length) throw new Error('two of its keys have the same kid')
}

function isForVerifying({ use, key_ops: operations }: JWK): boolean {
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}
