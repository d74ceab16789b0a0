// From verified claims to an identity: times, required claims, and the types of everything that reaches an upstream.
// Worker thread; called by verify.ts.
import type { Identity } from '../../gateway/contract/exchange.ts'
import type { RevocableToken } from '../../gateway/contract/ports.ts'
import type { Refusal } from './outcome.ts'
import type { IssuerConfig, JwtConfig } from './schema.ts'

export type Claims = Readonly<Record<string, unknown>>

/** When a token counts, in ms of the wall clock, tolerance included. */
export interface Lifetime {
  readonly fromMs: number
  readonly untilMs: number
}

export interface Bearer extends Lifetime {
  readonly identity: Identity
  readonly revocable: RevocableToken
}

type Rules = Pick<
  JwtConfig,
  'claims' | 'requiredClaims' | 'requireExp' | 'clockToleranceSeconds' | 'maxTokenAgeSeconds'
>

const maxIdLength = 256

export function readClaims(claims: Claims, issuer: IssuerConfig, rules: Rules): Bearer | Refusal {
  if (!rules.requiredClaims.every((name) => isPresent(findClaim(claims, [name])))) return 'bad_claims'
  if (!namesAudience(claims.aud, issuer.audience)) return 'wrong_audience'
  const lifetime = readLifetime(claims, rules)
  const names = rules.claims
  const userId = readId(findClaim(claims, names.userId))
  const tenantClaim = findClaim(claims, names.tenant)
  const tenantId = isPresent(tenantClaim) ? readId(tenantClaim) : soleTenant(issuer)
  const roles = readWords(findClaim(claims, names.roles))
  const permissions = readWords(findClaim(claims, names.permissions))
  const tokenId = readOptionalId(claims.jti)
  const sessionId = readOptionalId(findClaim(claims, names.session))
  if (lifetime === null || userId === null || roles === null || permissions === null) return 'bad_claims'
  if (tokenId === undefined || sessionId === undefined) return 'bad_claims'
  if (isPresent(tenantClaim) && tenantId === null) return 'bad_claims'
  if (issuer.tenants !== undefined && (tenantId === null || !issuer.tenants.includes(tenantId))) {
    return 'tenant_mismatch'
  }
  const expiresAt = (claims.exp as number | undefined) ?? Number.POSITIVE_INFINITY
  // One object serves every request with this token: no plugin may change it for the next.
  const identity = Object.freeze({
    userId,
    tenantId,
    roles,
    permissions,
    claims: Object.freeze(claims),
    expiresAt,
  })
  const issuedAt = (claims.iat as number | undefined) ?? 0
  return { ...lifetime, identity, revocable: { tenantId, userId, tokenId, sessionId, issuedAt } }
}

/** null: a time is missing or not a number (RFC 7519 section 2, NumericDate). */
function readLifetime({ exp, nbf, iat }: Claims, rules: Rules): Lifetime | null {
  if (exp === undefined ? rules.requireExp : !isDate(exp)) return null
  if (nbf !== undefined && !isDate(nbf)) return null
  if (iat === undefined ? rules.maxTokenAgeSeconds !== undefined : !isDate(iat)) return null
  const begin = Math.max((nbf as number) ?? 0, (iat as number) ?? 0)
  const end = Math.min(
    (exp as number) ?? Number.POSITIVE_INFINITY,
    rules.maxTokenAgeSeconds === undefined
      ? Number.POSITIVE_INFINITY
      : (iat as number) + rules.maxTokenAgeSeconds,
  )
  const tolerance = rules.clockToleranceSeconds
  return { fromMs: (begin - tolerance) * 1000, untilMs: (end + tolerance) * 1000 }
}

/** JSON can spell Infinity as 1e999. */
function isDate(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value)
}

function namesAudience(aud: unknown, wanted: string | readonly string[] | undefined): boolean {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud]
  if (!list.every((one) => typeof one === 'string')) return false
  return wanted === undefined || [wanted].flat().some((one) => list.includes(one))
}

function soleTenant({ tenants }: IssuerConfig): string | null {
  return tenants?.length === 1 ? (tenants[0] as string) : null
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** The first of the names that is present: as it is, else along its dots. */
function findClaim(claims: Claims, names: readonly string[]): unknown {
  for (const name of names) {
    const value = Object.hasOwn(claims, name) ? claims[name] : followDots(claims, name)
    if (isPresent(value)) return value
  }
  return undefined
}

function followDots(claims: Claims, name: string): unknown {
  let value: unknown = claims
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Claims)[step]
  }
  return value
}

/** Numbers beyond 2^53 are refused: JSON.parse rounds them, and two users would become one. */
function readId(value: unknown): string | null {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string' || text.length > maxIdLength) return null
  return isHeaderText(text) ? text : null
}

/** null: there is none; undefined: it is unusable. */
function readOptionalId(value: unknown): string | null | undefined {
  return isPresent(value) ? (readId(value) ?? undefined) : null
}

/** A list of strings, or one string of words. null when it holds what cannot travel in X-User-Roles, where commas separate. */
function readWords(value: unknown): readonly string[] | null {
  if (!isPresent(value)) return []
  const words = typeof value === 'string' ? value.split(/[\s,]+/).filter((word) => word !== '') : value
  if (!Array.isArray(words)) return null
  const sound = words.every((word) => typeof word === 'string' && isHeaderText(word) && !word.includes(','))
  return sound ? Object.freeze([...(words as string[])]) : null
}

/** Non-empty, well-formed, without control characters, and without outer spaces, which a header would lose. */
function isHeaderText(text: string): boolean {
  return (
    text !== '' && text.isWellFormed() && text.trim() === text && !/[\u0000-\u001f\u007f-\u009f]/.test(text)
  )
}
