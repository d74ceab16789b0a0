// Judges one token: form, issuer, algorithm, key, signature, claims, in this order. Worker thread; called by authenticate.ts.
import { compactVerify } from 'jose'
import { type Bearer, type Claims, readClaims } from './claims.ts'
import type { KeySource } from './key-source.ts'
import type { VerificationKey } from './keys.ts'
import type { Refusal } from './outcome.ts'
import type { IssuerConfig, JwtConfig } from './schema.ts'
import { decodeBase64url, parseStrictObject } from './strict-json.ts'

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

export interface Header {
  readonly alg: string
  readonly kid: string | null
}

export type Verifier = (token: string) => Promise<Verified | Refusal>

export function createVerifier(issuers: ReadonlyMap<string, Issuer>, config: JwtConfig): Verifier {
  return async (token) => {
    const parts = token.split('.', 4)
    const header = parts.length === 3 ? readHeader(parts[0] as string) : null
    const claims = readPart(parts[1] ?? '')
    if (header === null || claims === null || decodeBase64url(parts[2] as string) === null) return 'malformed'
    const issuer = typeof claims.iss === 'string' ? issuers.get(claims.iss) : undefined
    if (issuer === undefined) return 'unknown_issuer'
    const { algorithms, types } = issuer.config
    if (!(algorithms as readonly string[]).includes(header.alg)) return 'unsupported_algorithm'
    if (types !== undefined && !types.some((type) => toType(type) === header.type)) return 'bad_claims'
    const proof = await prove(token, header, issuer)
    if (typeof proof === 'string') return proof
    const bearer = readClaims(claims, issuer.config, config)
    return typeof bearer === 'string' ? bearer : { ...bearer, issuer, generation: proof.generation }
  }
}

/** Looks for a key that signed the token, asking the source for newer keys once. */
async function prove(
  token: string,
  header: Header,
  { source, config }: Issuer,
): Promise<{ generation: number } | Refusal> {
  let generation = source.generation()
  let keys = pickKeys(source, header)
  if (keys.length === 0 && source.refresh !== null) {
    await source.refresh()
    generation = source.generation()
    keys = pickKeys(source, header)
  }
  if (source.keys() === null) return 'keys_unavailable'
  if (keys.length === 0) return 'unknown_key'
  return (await isSignedBy(token, header, keys, config.algorithms)) ? { generation } : 'bad_signature'
}

/** Keys of a set are told apart by kid; without one in the token, a set must hold just one that fits. */
function pickKeys(source: KeySource, header: Header): readonly VerificationKey[] {
  const fitting = (source.keys() ?? []).filter((key) => key.handles.has(header.alg))
  if (!source.byKid) return fitting
  if (header.kid !== null) return fitting.filter((key) => key.kid === header.kid)
  return fitting.length === 1 ? fitting : []
}

export async function isSignedBy(
  token: string,
  { alg }: Header,
  keys: readonly VerificationKey[],
  algorithms: readonly string[],
): Promise<boolean> {
  for (const { handles } of keys) {
    const handle = handles.get(alg)
    try {
      if (handle !== undefined) {
        await compactVerify(token, handle, { algorithms: [...algorithms] })
        return true
      }
    } catch {
      // The next secret of a rotation may be the one; jose throws for nothing but a token that this key did not sign.
    }
  }
  return false
}

function readPart(part: string): Claims | null {
  const bytes = decodeBase64url(part)
  return bytes === null ? null : parseStrictObject(bytes)
}

/**
 * null unless it is a header that can be taken at its word. Extensions (`crit`, `b64`) are refused: none is supported.
 * `jwk`, `jku`, `x5u` and `x5c` are never looked at: keys come from the config alone (RFC 8725 section 3.10).
 */
export function readHeader(part: string): (Header & { readonly type: string }) | null {
  const header = readPart(part)
  if (header === null || typeof header.alg !== 'string') return null
  if ('crit' in header || 'b64' in header) return null
  const { alg, kid, typ } = header
  if (kid !== undefined && typeof kid !== 'string') return null
  if (typ !== undefined && typeof typ !== 'string') return null
  return { alg, kid: kid ?? null, type: toType(typ ?? '') }
}

/** RFC 7515 section 4.1.9: case does not count, and `application/` may be left out. */
function toType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}
