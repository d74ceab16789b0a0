// Every way in which the judgement of a token can end, and the answer that each means for the client.
import { deny, type Reply } from '../../gateway/contract/reply.ts'

/** Label values of aegis_jwt_verifications_total: a closed set. */
export type Result = 'ok' | 'cached' | 'anonymous' | Refusal

export type Refusal =
  | 'missing'
  | 'malformed'
  | 'unknown_issuer'
  | 'unsupported_algorithm'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_audience'
  | 'bad_claims'
  | 'revoked'
  | 'tenant_mismatch'
  | 'keys_unavailable'

interface Answer {
  readonly status: number
  readonly code: string
  readonly detail: string
}

const invalid = (detail: string): Answer => ({ status: 401, code: 'AEGIS_TOKEN_INVALID', detail })

/** The sentences tell a client what to do, never which issuers, keys or claims the gateway knows. */
const answers: Readonly<Record<Refusal, Answer>> = {
  missing: { status: 401, code: 'AEGIS_TOKEN_MISSING', detail: 'This resource needs an access token.' },
  malformed: invalid('The access token is malformed.'),
  unknown_issuer: invalid('The access token was not issued for this gateway.'),
  unsupported_algorithm: invalid('The access token is signed in a way that is not accepted.'),
  unknown_key: invalid('The access token is signed with an unknown key.'),
  bad_signature: invalid('The signature of the access token is wrong.'),
  expired: { status: 401, code: 'AEGIS_TOKEN_EXPIRED', detail: 'The access token has expired.' },
  not_yet_valid: invalid('The access token is not valid yet.'),
  wrong_audience: invalid('The access token is meant for another audience.'),
  bad_claims: invalid('The access token lacks a claim or has one that is not acceptable.'),
  revoked: { status: 401, code: 'AEGIS_TOKEN_REVOKED', detail: 'The access token was revoked.' },
  tenant_mismatch: {
    status: 403,
    code: 'AEGIS_TENANT_MISMATCH',
    detail: 'The access token does not belong to this tenant.',
  },
  keys_unavailable: {
    status: 503,
    code: 'AEGIS_KEYS_UNAVAILABLE',
    detail: 'The access token cannot be verified at the moment.',
  },
}

/** Every refusal as a ready reply, made once for an instance (RFC 6750 section 3). */
export function createRefusals(realm: string): Readonly<Record<Refusal, Reply>> {
  const entries = Object.entries(answers).map(([refusal, { status, code, detail }]) => [
    refusal,
    deny(status, code, detail, headersOf(refusal, status, detail, realm)),
  ])
  return Object.fromEntries(entries)
}

function headersOf(refusal: string, status: number, detail: string, realm: string): readonly string[] {
  if (status === 503) return ['retry-after', '5']
  if (status !== 401) return []
  const challenge = `Bearer realm=${quote(realm)}`
  // RFC 6750 section 3.1: no error code for a request that brought no credentials.
  if (refusal === 'missing') return ['www-authenticate', challenge]
  return ['www-authenticate', `${challenge}, error="invalid_token", error_description=${quote(detail)}`]
}

/** A quoted-string of RFC 9110 section 5.6.4. */
function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}
