// The form of a token, the key it names, and whether that key signed it (RFC 7515). Worker thread; called by verify.ts.
import type { VerificationKey } from './keys.ts'
import { decodeBase64url, parseStrictObject } from './strict-json.ts'

export interface Header {
  readonly alg: string
  readonly kid: string | null
  /** As toType gives it; '' when there is none. */
  readonly type: string
}

export interface TokenForm {
  readonly header: Header
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** null unless it is a JWS in compact form, in canonical base64url, with a header that can be taken at its word. */
export function readToken(token: string): TokenForm | null {
  const parts = token.split('.', 4).map(decodeBase64url)
  const [header, payload, signature] = parts
  if (parts.length !== 3 || !header || !payload || !signature) return null
  const read = readHeader(header)
  return read === null ? null : { header: read, payload, signature }
}

/**
 * Extensions (`crit`, `b64`) are refused: none is supported. `jwk`, `jku`, `x5u` and `x5c` are never looked at: keys come
 * from the config alone (RFC 8725 section 3.10).
 */
function readHeader(bytes: Uint8Array): Header | null {
  const header = parseStrictObject(bytes)
  if (header === null || typeof header.alg !== 'string') return null
  if ('crit' in header || 'b64' in header) return null
  const { alg, kid, typ } = header
  if (kid !== undefined && typeof kid !== 'string') return null
  if (typ !== undefined && typeof typ !== 'string') return null
  return { alg, kid: kid ?? null, type: toType(typ ?? '') }
}

/** RFC 7515 section 4.1.9: case does not count, and `application/` may be left out. */
export function toType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

/** Keys of a set are told apart by kid; without one in the token, a set must hold just one that fits. */
export function pickKeys(
  keys: readonly VerificationKey[],
  byKid: boolean,
  header: Header,
): readonly VerificationKey[] {
  const fitting = keys.filter((key) => key.checks.has(header.alg))
  if (!byKid) return fitting
  if (header.kid !== null) return fitting.filter((key) => key.kid === header.kid)
  return fitting.length === 1 ? fitting : []
}

/** `keys` were picked for the token's header. A promise only where a key needs one. */
export function isSignedBy(
  token: string,
  form: Pick<TokenForm, 'header' | 'signature'>,
  keys: readonly VerificationKey[],
): boolean | Promise<boolean> {
  for (const [at, { checks }] of keys.entries()) {
    const signed = checks.get(form.header.alg)?.(token, form.signature) ?? false
    if (signed === true) return true
    // The next secret of a rotation may be the one.
    if (signed !== false) return signed.then((it) => it || isSignedBy(token, form, keys.slice(at + 1)))
  }
  return false
}
