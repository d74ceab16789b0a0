// What each algorithm asks of a key (RFC 7518, RFC 8037). Both threads.
import type { Algorithm } from './schema.ts'

export interface AlgorithmTraits {
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP'
  /** Curve, where the algorithm fixes one. */
  readonly crv: string | null
  /** Hash of HS*, for WebCrypto; its output size in bytes is the least length of a good secret (RFC 7518 section 3.2). */
  readonly hash: string
  readonly hashBytes: number
}

const traits: Readonly<Record<Algorithm, AlgorithmTraits>> = {
  HS256: { kty: 'oct', crv: null, hash: 'SHA-256', hashBytes: 32 },
  HS384: { kty: 'oct', crv: null, hash: 'SHA-384', hashBytes: 48 },
  HS512: { kty: 'oct', crv: null, hash: 'SHA-512', hashBytes: 64 },
  RS256: { kty: 'RSA', crv: null, hash: 'SHA-256', hashBytes: 32 },
  RS384: { kty: 'RSA', crv: null, hash: 'SHA-384', hashBytes: 48 },
  RS512: { kty: 'RSA', crv: null, hash: 'SHA-512', hashBytes: 64 },
  PS256: { kty: 'RSA', crv: null, hash: 'SHA-256', hashBytes: 32 },
  PS384: { kty: 'RSA', crv: null, hash: 'SHA-384', hashBytes: 48 },
  PS512: { kty: 'RSA', crv: null, hash: 'SHA-512', hashBytes: 64 },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'SHA-256', hashBytes: 32 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'SHA-384', hashBytes: 48 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'SHA-512', hashBytes: 64 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: 'SHA-512', hashBytes: 64 },
}

export function traitsOf(algorithm: Algorithm): AlgorithmTraits {
  return traits[algorithm]
}

export function isSymmetric(algorithm: Algorithm): boolean {
  return traits[algorithm].kty === 'oct'
}

/** True when a key of that type and curve can be used with the algorithm. */
export function fitsKey(algorithm: Algorithm, kty: unknown, crv: unknown): boolean {
  const { kty: needed, crv: curve } = traits[algorithm]
  return kty === needed && (curve === null || crv === curve)
}
