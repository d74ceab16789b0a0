// Verification keys: from secrets, from PEM text and from single JWKs. Both threads: `check` builds nothing, but reads PEM.
import { createHmac, createPublicKey, createSecretKey, timingSafeEqual } from 'node:crypto'
import { compactVerify, importJWK, type JWK } from 'jose'
import { fitsKey, isSymmetric, traitsOf } from './algorithms.ts'
import { hasRocaFingerprint } from './roca.ts'
import type { Algorithm } from './schema.ts'

/** True when the key signed the token, whose signature is given decoded too. Never rejects; a closure, so that no key is handed out. */
export type SignatureCheck = (token: string, signature: Uint8Array) => boolean | Promise<boolean>

export interface VerificationKey {
  /** null: the key has no name; a token that names a key does not mean this one. */
  readonly kid: string | null
  /** One check for each algorithm that the key may be used with; a check works with no other. */
  readonly checks: ReadonlyMap<string, SignatureCheck>
}

const minRsaBits = 2048
/** Verification time grows with the square of the modulus. */
const maxRsaBits = 8192

export function decodeSecret(text: string, encoding: 'utf8' | 'base64' | 'hex'): Buffer {
  return Buffer.from(text, encoding)
}

export function importSecret(
  bytes: Uint8Array,
  algorithms: readonly Algorithm[],
  kid: string | null = null,
): VerificationKey {
  return { kid, checks: new Map(algorithms.map((one) => [one, createHmacCheck(bytes, one)])) }
}

/** At once: a promise and WebCrypto's way to another thread cost thirty times the hash (docs/decisions/hot-path.md). */
function createHmacCheck(bytes: Uint8Array, algorithm: Algorithm): SignatureCheck {
  const { hash } = traitsOf(algorithm)
  const key = createSecretKey(bytes)
  return (token, signature) => {
    const mac = createHmac(hash, key)
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest()
    return mac.length === signature.length && timingSafeEqual(mac, signature)
  }
}

/** Off this thread: a signature of a public key costs up to a millisecond, and anybody may send one. */
async function createPublicKeyCheck(jwk: JWK, algorithm: Algorithm): Promise<SignatureCheck> {
  const key = await importJWK(jwk, algorithm)
  return async (token) => {
    try {
      await compactVerify(token, key, { algorithms: [algorithm] })
      return true
    } catch {
      // jose throws for nothing but a token that this key did not sign.
      return false
    }
  }
}

/** The public JWK of PEM text. Throws a plain sentence on anything but one public key or certificate. */
export function readPem(pem: string): JWK {
  if (pem.includes('PRIVATE KEY')) {
    throw new Error('this is a private key; give the gateway the public one only')
  }
  try {
    return createPublicKey(pem).export({ format: 'jwk' }) as JWK
  } catch {
    throw new Error('this is not a public key or certificate in PEM format')
  }
}

/**
 * Turns a JWK into a key for those of `algorithms` that it fits. Throws a plain sentence that says why it cannot be used.
 * Symmetric JWKs must be as long as the hash (RFC 7518 section 3.2).
 */
export async function importJwk(jwk: JWK, algorithms: readonly Algorithm[]): Promise<VerificationKey> {
  const fitting = algorithms.filter((one) => fitsKey(one, jwk.kty, jwk.crv))
  const usable = fitting.filter((one) => jwk.alg === undefined || jwk.alg === one)
  if (usable.length === 0) throw new Error('it fits none of the configured algorithms')
  const kid = typeof jwk.kid === 'string' ? jwk.kid : null
  if (isSymmetric(usable[0] as Algorithm)) return importSymmetric(jwk, usable, kid)
  if (jwk.kty === 'RSA') checkRsa(jwk)
  const checks = new Map<string, SignatureCheck>()
  for (const algorithm of usable) checks.set(algorithm, await createPublicKeyCheck(toPublic(jwk), algorithm))
  return { kid, checks }
}

function importSymmetric(jwk: JWK, algorithms: readonly Algorithm[], kid: string | null): VerificationKey {
  const bytes = Buffer.from(typeof jwk.k === 'string' ? jwk.k : '', 'base64url')
  const long = algorithms.filter((one) => bytes.length >= traitsOf(one).hashBytes)
  if (long.length === 0) throw new Error('it is shorter than the hash of its algorithm')
  return importSecret(bytes, long, kid)
}

/** Only the members that make up the public key: `ext`, `key_ops` and the like have no say in the import. */
function toPublic({ kty, n, e, crv, x, y }: JWK): JWK {
  const members = { kty, n, e, crv, x, y }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as JWK
}

function checkRsa(jwk: JWK): void {
  const modulus = toBigInt(jwk.n)
  const exponent = toBigInt(jwk.e)
  const bits = modulus.toString(2).length
  if (bits < minRsaBits || bits > maxRsaBits) {
    throw new Error(`an RSA key must have ${minRsaBits} to ${maxRsaBits} bits, this one has ${bits}`)
  }
  // With exponent 1 every message is its own signature; even ones are no permutation.
  if (exponent < 3n || exponent % 2n === 0n) throw new Error('its public exponent is unsafe')
  if (hasRocaFingerprint(modulus)) throw new Error('it was made by a broken generator (CVE-2017-15361)')
}

function toBigInt(text: string | undefined): bigint {
  const hex = Buffer.from(typeof text === 'string' ? text : '', 'base64url').toString('hex')
  return hex === '' ? 0n : BigInt(`0x${hex}`)
}
