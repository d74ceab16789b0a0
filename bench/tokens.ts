// Bearer tokens of the bench's issuer, for every gateway that verifies them.
import { createHmac } from 'node:crypto'

export const secret = 'a-secret-for-benches-with-32-bytes-or-more'
export const issuer = 'aegis-bench'
export const tenantId = 'acme'
export const host = 'acme.example.com'

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A day long. Its role grants nothing by itself, so that the decision is the cached answer of the upstream. */
export function signToken(user: string, tenant = tenantId): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    user_id: user,
    tenant_id: tenant,
    roles: ['member'],
    iat: now,
    exp: now + 86_400,
  }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** What a browser on another site sends, with a verified user. */
export function chainHeaders(): Record<string, string> {
  // wrk adds a Host of its own unless there is one in this spelling.
  return { Host: host, authorization: `Bearer ${signToken('user-1')}`, origin: 'https://app.example.org' }
}
