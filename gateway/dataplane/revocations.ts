// The worker's copy of the revocations, arranged for the question that every request asks. Worker thread.
import type { RevocableToken, RevocationsPort } from '../contract/ports.ts'
import type { Revocation } from '../contract/protocol.ts'

export interface RevocationReplica {
  readonly port: RevocationsPort
  /** Takes the whole list; what is not in it is valid again. */
  replace(entries: readonly Revocation[]): void
}

/** Subject to the time up to which its tokens are void: in every tenant, and by tenant. Never one joined key: ids may hold anything. */
interface Scopes {
  readonly everywhere: Map<string, number>
  readonly byTenant: Map<string, Map<string, number>>
}

type Table = Readonly<Record<Revocation['kind'], Scopes>>

export function createRevocationReplica(): RevocationReplica {
  let table = createTable([])
  const port: RevocationsPort = {
    isRevoked: (token) =>
      isVoid(table.token, token.tokenId, token) ||
      isVoid(table.session, token.sessionId, token) ||
      isVoid(table.user, token.userId, token),
  }
  return {
    port,
    replace(entries) {
      table = createTable(entries)
    },
  }
}

function isVoid(scopes: Scopes, subject: string | null, { tenantId, issuedAt }: RevocableToken): boolean {
  if (subject === null) return false
  const everywhere = scopes.everywhere.get(subject)
  if (everywhere !== undefined && issuedAt <= everywhere) return true
  if (tenantId === null) return false
  const inTenant = scopes.byTenant.get(tenantId)?.get(subject)
  return inTenant !== undefined && issuedAt <= inTenant
}

function createTable(entries: readonly Revocation[]): Table {
  const table: Table = { token: createScopes(), session: createScopes(), user: createScopes() }
  for (const { kind, subject, tenantId, notBefore } of entries) {
    const subjects = tenantId === null ? table[kind].everywhere : inTenant(table[kind], tenantId)
    // A single token is void whenever it was issued.
    const until = kind === 'token' ? Number.POSITIVE_INFINITY : notBefore
    subjects.set(subject, Math.max(until, subjects.get(subject) ?? 0))
  }
  return table
}

function createScopes(): Scopes {
  return { everywhere: new Map(), byTenant: new Map() }
}

function inTenant(scopes: Scopes, tenantId: string): Map<string, number> {
  let subjects = scopes.byTenant.get(tenantId)
  if (subjects === undefined) {
    subjects = new Map()
    scopes.byTenant.set(tenantId, subjects)
  }
  return subjects
}
