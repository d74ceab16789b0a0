// What the schema of the jwt plugin cannot say. Main thread, at load.
import { fitsKey, isSymmetric } from './algorithms.ts'
import { decodeSecret, readPem } from './keys.ts'
import type { IssuerConfig, JwtConfig } from './schema.ts'

type Problem = { pointer: string; message: string }

const keyFields = ['secret', 'publicKey', 'publicKeyFile', 'jwksUrl', 'jwksFile'] as const

export function checkJwt(config: JwtConfig): readonly Problem[] {
  const names = new Set<string>()
  const problems = config.issuers.flatMap((issuer, index) => {
    const at = `/issuers/${index}`
    const repeated = names.has(issuer.issuer)
    names.add(issuer.issuer)
    return [
      ...(repeated
        ? [{ pointer: `${at}/issuer`, message: 'This issuer is listed already; give each one once.' }]
        : []),
      ...checkKeyFields(issuer, at),
      ...checkAlgorithms(issuer, at),
      ...checkSecret(issuer, at),
      ...checkPublicKey(issuer, at),
      ...checkUrl(issuer, at),
    ]
  })
  return [...problems, ...checkSources(config)]
}

function checkKeyFields(issuer: IssuerConfig, at: string): Problem[] {
  const given = keyFields.filter((field) => issuer[field] !== undefined)
  if (given.length === 1) return []
  const problem =
    given.length === 0 ? 'Nothing says how to verify' : `${given.join(' and ')} cannot be used together`
  return [{ pointer: at, message: `${problem}: give exactly one of ${keyFields.join(', ')}.` }]
}

/** A public key must never be taken for the secret of an HMAC (RFC 8725 section 2.1): the two kinds do not mix. */
function checkAlgorithms(issuer: IssuerConfig, at: string): Problem[] {
  const pointer = `${at}/algorithms`
  const symmetric = issuer.algorithms.filter(isSymmetric)
  if (symmetric.length > 0 && symmetric.length < issuer.algorithms.length) {
    return [
      { pointer, message: 'HS* cannot be mixed with algorithms of public keys: list them in two issuers.' },
    ]
  }
  if (issuer.secret !== undefined && symmetric.length === 0) {
    return [{ pointer, message: 'A secret works with HS256, HS384 and HS512 only.' }]
  }
  const isPublic = issuer.publicKey ?? issuer.publicKeyFile ?? issuer.jwksUrl
  if (isPublic !== undefined && symmetric.length > 0) {
    return [
      { pointer, message: 'HS* needs a secret (or a jwksFile that holds secrets), not something public.' },
    ]
  }
  return []
}

function checkSecret(issuer: IssuerConfig, at: string): Problem[] {
  const list = [issuer.secret ?? []].flat()
  return list.flatMap((secret, index) => {
    const pointer = Array.isArray(issuer.secret) ? `${at}/secret/${index}` : `${at}/secret`
    if (secret.includes('-----BEGIN')) {
      return [{ pointer, message: 'This is a PEM key, not a secret: put it under publicKey.' }]
    }
    const bytes = decodeSecret(secret, issuer.secretEncoding)
    if (bytes.length === 0)
      return [{ pointer, message: 'The secret is empty. Set it, at least 32 random bytes.' }]
    return isWritten(secret, issuer.secretEncoding)
      ? []
      : [{ pointer, message: `The secret is not ${issuer.secretEncoding}.` }]
  })
}

/** Node decodes what it can and drops the rest; a secret must not lose its end that way. */
function isWritten(secret: string, encoding: IssuerConfig['secretEncoding']): boolean {
  if (encoding === 'hex') return secret.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(secret)
  return encoding === 'utf8' || /^[A-Za-z0-9+/_-]*={0,2}$/.test(secret)
}

function checkPublicKey(issuer: IssuerConfig, at: string): Problem[] {
  if (issuer.publicKey === undefined) return []
  try {
    const { kty, crv } = readPem(issuer.publicKey)
    const unfit = issuer.algorithms.filter((algorithm) => !fitsKey(algorithm, kty, crv))
    if (unfit.length === 0) return []
    return [
      {
        pointer: `${at}/algorithms`,
        message: `${unfit.join(', ')} cannot be used with a key of type ${crv ?? kty}.`,
      },
    ]
  } catch (error) {
    return [{ pointer: `${at}/publicKey`, message: `The key cannot be used: ${(error as Error).message}.` }]
  }
}

function checkUrl(issuer: IssuerConfig, at: string): Problem[] {
  if (issuer.jwksUrl === undefined) return []
  const url = URL.parse(issuer.jwksUrl)
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return []
  return [{ pointer: `${at}/jwksUrl`, message: 'This is not an http or https address.' }]
}

function checkSources(config: JwtConfig): Problem[] {
  if (config.forwardToken || !config.sources.some((source) => 'query' in source)) return []
  return [
    {
      pointer: '/forwardToken',
      message: 'A token in the query is always forwarded: leave out the query source, or set this to true.',
    },
  ]
}
