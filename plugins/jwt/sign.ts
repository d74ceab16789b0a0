// Signs tokens for the CLI, the demo and the tests. Never on the path of a request.
import { createPrivateKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { isSymmetric } from './algorithms.ts'
import type { Algorithm } from './schema.ts'

export interface SignOptions {
  readonly algorithm: Algorithm
  /** For HS*. */
  readonly secret?: string | Uint8Array
  /** PEM text, for every other algorithm. */
  readonly privateKey?: string
  readonly claims: Readonly<Record<string, unknown>>
  /** Sets `exp`, unless the claims have one. Default 3600. */
  readonly expiresInSeconds?: number
  /** Name of the key, for JWK Sets. */
  readonly keyId?: string
  /** Wall clock in ms; default now. */
  readonly nowMs?: number
}

/** A signed JWT in compact form; `iat` and `exp` are filled in where the claims lack them. */
export async function signToken(options: SignOptions): Promise<string> {
  const { algorithm, claims, keyId } = options
  const now = Math.floor((options.nowMs ?? Date.now()) / 1000)
  const payload = { iat: now, exp: now + (options.expiresInSeconds ?? 3600), ...claims }
  const header = { alg: algorithm, typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) }
  return new SignJWT(payload).setProtectedHeader(header).sign(readKey(options))
}

function readKey({ algorithm, secret, privateKey }: SignOptions) {
  if (isSymmetric(algorithm)) {
    if (secret === undefined || secret.length === 0)
      throw new Error(`${algorithm} signs with a secret; none was given`)
    return typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  }
  if (privateKey === undefined)
    throw new Error(`${algorithm} signs with a private key in PEM format; none was given`)
  return createPrivateKey(privateKey)
}
