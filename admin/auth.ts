// Who may do what: bearer tokens with the roles viewer < operator < admin. Main thread; hooks registered by server.ts.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { AdminConfig, AdminRole } from '../gateway/contract/snapshot.ts'
import type { Access, Caller } from './context.ts'
import { HttpProblem } from './problems.ts'

const rank: Readonly<Record<AdminRole, number>> = { viewer: 0, operator: 1, admin: 2 }

export function hasRole(caller: Caller | null, needed: AdminRole): boolean {
  return caller !== null && rank[caller.role] >= rank[needed]
}

export function createAuthenticator(
  tokens: AdminConfig['tokens'],
): (request: FastifyRequest) => Caller | null {
  const known = tokens.map(({ name, role, sha256 }) => ({
    caller: { name, role },
    digest: Buffer.from(sha256, 'hex'),
  }))
  return (request) => {
    const token = bearerToken(request)
    if (token === null) return null
    const digest = createHash('sha256').update(token).digest()
    let found: Caller | null = null
    // Every token is compared, in constant time, so that the time taken says nothing about which one was close.
    for (const one of known) {
      if (one.digest.length === digest.length && timingSafeEqual(one.digest, digest)) found ??= one.caller
    }
    return found
  }
}

export function checkAccess(request: FastifyRequest, needed: AdminRole): void {
  if (request.caller === null) throw unauthorized(request)
  if (hasRole(request.caller, needed)) return
  throw new HttpProblem(
    403,
    'FORBIDDEN',
    `This needs the role ${needed}; the token ${request.caller.name} has the role ${request.caller.role}.`,
    { members: { needed_role: needed } },
  )
}

/** `/metrics` is open only where nothing but this machine can ask, unless the config says otherwise. */
export function neededRole(access: Access, metricsOpen: boolean): AdminRole | null {
  if (access === 'open') return null
  if (access === 'metrics') return metricsOpen ? null : 'viewer'
  return access
}

function bearerToken(request: FastifyRequest): string | null {
  const header = request.headers.authorization ?? ''
  const space = header.indexOf(' ')
  if (space === -1 || header.slice(0, space).toLowerCase() !== 'bearer') return null
  const token = header.slice(space + 1).trim()
  return token === '' ? null : token
}

function unauthorized(request: FastifyRequest): HttpProblem {
  const given = request.headers.authorization !== undefined
  const challenge = given ? 'Bearer realm="aegis-admin", error="invalid_token"' : 'Bearer realm="aegis-admin"'
  const detail = given
    ? 'The token is not one of admin.tokens in gateway.json, or the header is not `Authorization: Bearer <token>`.'
    : 'A token is needed: send `Authorization: Bearer <token>` with a token of admin.tokens in gateway.json.'
  return new HttpProblem(401, 'UNAUTHORIZED', detail, { headers: { 'www-authenticate': challenge } })
}
