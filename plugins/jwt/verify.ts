// Judges one token: form, issuer, algorithm, key, signature, claims, in this order. Worker thread; called by authenticate.ts.
import { type Bearer, readClaims } from './claims.ts'
import type { KeySource } from './key-source.ts'
import type { Refusal } from './outcome.ts'
import type { IssuerConfig, JwtConfig } from './schema.ts'
import { isSignedBy, pickKeys, readToken, type TokenForm, toType } from './signature.ts'
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

/** A promise only where keys must be fetched first, or checked off this thread. */
export type Verifier = (token: string) => Verified | Refusal | Promise<Verified | Refusal>

export function createVerifier(issuers: ReadonlyMap<string, Issuer>, config: JwtConfig): Verifier {
  return (token) => {
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
    const conclude = (proof: Proof | Refusal): Verified | Refusal => {
      if (typeof proof === 'string') return proof
      const bearer = readClaims(claims, issuer.config, config)
      return typeof bearer === 'string' ? bearer : { ...bearer, issuer, generation: proof.generation }
    }
    const proof = prove(token, form, issuer.source)
    return proof instanceof Promise ? proof.then(conclude) : conclude(proof)
  }
}

interface Proof {
  readonly generation: number
}

/** Looks for a key that signed the token, asking the source for newer keys once. */
function prove(
  token: string,
  form: TokenForm,
  source: KeySource,
): Proof | Refusal | Promise<Proof | Refusal> {
  const keys = pickKeys(source.keys() ?? [], source.byKid, form.header)
  if (keys.length > 0 || source.refresh === null) return check(token, form, source)
  return source.refresh().then(() => check(token, form, source))
}

function check(
  token: string,
  form: TokenForm,
  source: KeySource,
): Proof | Refusal | Promise<Proof | Refusal> {
  const generation = source.generation()
  const known = source.keys()
  if (known === null) return 'keys_unavailable'
  const keys = pickKeys(known, source.byKid, form.header)
  if (keys.length === 0) return 'unknown_key'
  const toProof = (signed: boolean): Proof | Refusal => (signed ? { generation } : 'bad_signature')
  const signed = isSignedBy(token, form, keys)
  return signed instanceof Promise ? signed.then(toProof) : toProof(signed)
}
