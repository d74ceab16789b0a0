// Judges one token: form, issuer, algorithm, key, signature, claims, in this order. Worker thread; called by authenticate.ts.
import { type Bearer, readClaims } from './claims.ts'
import type { KeySource } from './key-source.ts'
import type { Refusal } from './outcome.ts'
import type { IssuerConfig, JwtConfig } from './schema.ts'
import { type Header, isSignedBy, pickKeys, readToken, toType } from './signature.ts'
import { parseStrictObject } from './strict-json.ts'

/** An issuer of the config with its keys. */
export interface Issuer {
  readonly config: IssuerConfig
  readonly source: KeySource
}

/** What a good token proved, and which generation of its issuer's keys proved it. */
export interface Verified extends Bearer {
  readonly issuer: Issuer
  readonly generation: number
}

export type Verifier = (token: string) => Promise<Verified | Refusal>

export function createVerifier(issuers: ReadonlyMap<string, Issuer>, config: JwtConfig): Verifier {
  return async (token) => {
    const form = readToken(token)
    const claims = form === null ? null : parseStrictObject(form.payload)
    if (form === null || claims === null) return 'malformed'
    const { header } = form
    const issuer = typeof claims.iss === 'string' ? issuers.get(claims.iss) : undefined
    if (issuer === undefined) return 'unknown_issuer'
    const { algorithms, types } = issuer.config
    // Each issuer has its own list: what one may sign with is no key to another's tokens.
    if (!(algorithms as readonly string[]).includes(header.alg)) return 'unsupported_algorithm'
    if (types !== undefined && !types.some((type) => toType(type) === header.type)) return 'bad_claims'
    const proof = await prove(token, header, issuer.source)
    if (typeof proof === 'string') return proof
    const bearer = readClaims(claims, issuer.config, config)
    return typeof bearer === 'string' ? bearer : { ...bearer, issuer, generation: proof.generation }
  }
}

/** Looks for a key that signed the token, asking the source for newer keys once. */
async function prove(
  token: string,
  header: Header,
  source: KeySource,
): Promise<{ generation: number } | Refusal> {
  const pick = () => pickKeys(source.keys() ?? [], source.byKid, header)
  let generation = source.generation()
  let keys = pick()
  if (keys.length === 0 && source.refresh !== null) {
    await source.refresh()
    generation = source.generation()
    keys = pick()
  }
  if (source.keys() === null) return 'keys_unavailable'
  if (keys.length === 0) return 'unknown_key'
  return (await isSignedBy(token, header, keys)) ? { generation } : 'bad_signature'
}
