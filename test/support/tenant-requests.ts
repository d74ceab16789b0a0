// Random requests into the world of tenant-world.ts, honest and not, each with what it must get.
import type { AskOptions } from './ask.ts'
import type { Random } from './random.ts'
import {
  type Caller,
  mayUse,
  resources,
  signAsOutsider,
  signShared,
  tenants,
  type WorldTenant,
} from './tenant-world.ts'

export interface Planned {
  readonly nonce: string
  readonly kind: string
  readonly route: string
  readonly path: string
  readonly options: AskOptions
  readonly must: Expectation
}

export interface Expectation {
  /** `served`: 200, or 429 once the caller's own limit is used up. */
  readonly answer: 'served' | number
  /** AEGIS_... of a refusal, where it is known. */
  readonly code: string | null
  /** Whose request it is, for upstream, log and metrics; null: nobody's, it is refused before. */
  readonly tenant: WorldTenant | null
  readonly user: string | null
  readonly roles: readonly string[]
}

export interface Credentials {
  /** Signed for a tenant that is not there. */
  readonly ofNobody: string
  /** Signed by one tenant's own issuer for another tenant. */
  readonly outsider: string
}

export async function createCredentials(): Promise<Credentials> {
  return {
    ofNobody: await signShared({ user_id: 'ada', tenant_id: 'nosuch' }),
    outsider: await signAsOutsider({ user_id: 'ada', tenant_id: 'acme' }),
  }
}

const neutralHosts = ['127.0.0.1', 'shared.test', 'example.com', 'a.b.example.com']
const kinds: readonly (readonly [string, number])[] = [
  ['own', 58],
  ['neutral host', 6],
  ['own cookie', 6],
  ['own header, other cookie', 4],
  ['mixed', 8],
  ['mixed cookie', 3],
  ['unknown host', 2],
  ['token of nobody', 2],
  ['no token', 2],
  ['broken token', 3],
  ['public', 3],
  ['maybe', 3],
]

export function planRequest(
  random: Random,
  nonce: string,
  { callers, credentials }: { callers: readonly Caller[]; credentials: Credentials },
): Planned {
  const kind = pickKind(random)
  const caller = random.pick(callers)
  const other = random.pick(callers.filter(({ tenant }) => tenant !== caller.tenant))
  const host = random.pick(caller.tenant.hosts)
  const guarded = random.pick([...resources, 'plain'])
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const cookie = (token: string) => ({ cookie: `a=b; aegis_token=${token}; c=d` })
  const make = (route: string, at: string, headers: Record<string, string>, must: Expectation): Planned => {
    const path = `/${route}/${nonce}`
    return { nonce, kind, route, path, options: dress(random, { nonce, at, headers }), must }
  }
  const asCaller = expectCaller(caller, guarded)
  switch (kind) {
    case 'own':
      return make(guarded, host, bearer(caller.token), asCaller)
    case 'neutral host':
      return make(guarded, random.pick(neutralHosts), bearer(caller.token), asCaller)
    case 'own cookie':
      return make(guarded, host, cookie(caller.token), asCaller)
    case 'own header, other cookie':
      return make(guarded, host, { ...bearer(caller.token), ...cookie(other.token) }, asCaller)
    case 'mixed':
      return make(guarded, host, bearer(other.token), refused(403, 'AEGIS_TENANT_MISMATCH'))
    case 'mixed cookie':
      return make(guarded, host, cookie(other.token), refused(403, 'AEGIS_TENANT_MISMATCH'))
    case 'unknown host':
      return make(guarded, 'nosuch.example.com', bearer(caller.token), refused(404, 'AEGIS_TENANT_UNKNOWN'))
    case 'token of nobody': {
      const token = bearer(credentials.ofNobody)
      return make(guarded, random.pick(neutralHosts), token, refused(404, 'AEGIS_TENANT_UNKNOWN'))
    }
    case 'no token':
      return make(guarded, host, {}, refused(401, null))
    case 'broken token':
      return make(guarded, host, bearer(breakToken(random, caller, other)), refused(401, null))
    case 'public':
      return make('public', host, bearer(other.token), expectAnonymous(caller.tenant))
    default: {
      const known = random.chance(0.5)
      const must = known ? expectCaller(caller, 'maybe') : expectAnonymous(caller.tenant)
      return make('maybe', host, known ? bearer(caller.token) : {}, must)
    }
  }
}

function pickKind(random: Random): string {
  let left = random.int(kinds.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [kind, weight] of kinds) {
    left -= weight
    if (left < 0) return kind
  }
  return 'own'
}

/** One tenant's claims under another one's signature, and signatures cut short. */
function breakToken(random: Random, caller: Caller, other: Caller): string {
  const [head, claims, signature] = caller.token.split('.') as [string, string, string]
  const foreign = other.token.split('.')[2] as string
  return random.pick([
    `${head}.${claims}.${foreign}`,
    `${head}.${claims}.${signature.slice(0, -4)}`,
    `${head}.${claims}.`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`,
  ])
}

function refused(status: number, code: string | null): Expectation {
  return { answer: status, code, tenant: null, user: null, roles: [] }
}

function expectCaller(caller: Caller, route: string): Expectation {
  const { tenant, user, roles } = caller
  if (tenant.suspended) return refused(403, 'AEGIS_TENANT_SUSPENDED')
  const resource = resources.find((one) => one === route)
  const allowed = resource === undefined || mayUse(caller, resource)
  const limited = route !== 'maybe'
  if (!allowed) return { answer: 403, code: 'AEGIS_PERMISSION_DENIED', tenant, user, roles }
  return { answer: limited ? 'served' : 200, code: null, tenant, user, roles }
}

function expectAnonymous(tenant: WorldTenant): Expectation {
  if (tenant.suspended) return refused(403, 'AEGIS_TENANT_SUSPENDED')
  return { answer: 200, code: null, tenant, user: null, roles: [] }
}

const forgeable = [
  ...['X-Tenant-Id', 'x-tenant-id', 'X_TENANT_ID', 'x.tenant.id', 'x-Tenant_id', 'X-User-Id', 'x_user_id'],
  ...['x.user.id', 'X-User-Roles', 'x_user-roles', 'X-Request-Id', 'x_request_id', 'X-Forwarded-Host'],
  ...['x_forwarded_host', 'Forwarded', 'X-Forwarded-For', 'X-Real-IP', 'X-Host', 'X-Original-Host', 'Tenant'],
]

/** Adds what a hostile or sloppy client might: forged headers, odd spellings of Host, an Origin, a body. */
function dress(
  random: Random,
  { nonce, at, headers }: { nonce: string; at: string; headers: Record<string, string> },
): AskOptions {
  const dressed: Record<string, string> = { ...headers, 'x-nonce': nonce }
  for (let i = random.int(5); i > 0; i--) dressed[random.pick(forgeable)] = forge(random)
  if (random.chance(0.1)) dressed.connection = 'keep-alive, x-tenant-id, X-User-Id'
  if (random.chance(0.3)) dressed.origin = `https://${random.pick(tenants).id}.app`
  const spelled = random.chance(0.2) ? at.toUpperCase() : at
  const host = spelled + random.pick(['', '', '', '.', ':8000', ':80'])
  if (random.chance(0.7)) return { host, headers: dressed }
  return { method: 'POST', host, headers: dressed, body: nonce.repeat(1 + random.int(50)) }
}

function forge(random: Random): string {
  const { id } = random.pick(tenants)
  return random.pick([id, `${id}.example.com`, `host=${id}.example.com`, 'admin', 'ada', `${id},${id}`])
}
