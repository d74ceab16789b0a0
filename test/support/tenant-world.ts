// Tenants whose users have the same ids on purpose, and a SaaS config in which everything about them differs: answers to
// permission questions, limits, origins. For the isolation test.
import { signToken } from '../../plugins/jwt/sign.ts'
import type { ConfigParts } from './gateway.ts'
import { createSaas, testSecret } from './saas.ts'

export interface WorldTenant {
  readonly index: number
  readonly id: string
  readonly hosts: readonly string[]
  readonly suspended: boolean
  /** Limit of all its users together, another number for each tenant. */
  readonly quota: number
  readonly perUser: number
}

export interface Caller {
  readonly tenant: WorldTenant
  readonly user: string
  readonly userIndex: number
  readonly roles: readonly string[]
  readonly token: string
}

/** `own-idp` may speak for one tenant only; its tokens name none. */
const ownIdp = { issuer: 'own-idp', secret: 'a-secret-that-only-the-tenant-11-has-in-use', tenant: '11' }

const ids = ['1', '11', 'acme', 'acme-2', 'null', 'undefined', 'zeta', 'gone']
const customHosts: Readonly<Record<string, string[]>> = {
  1: ['one.test'],
  acme: ['api.acme.test', 'acme-2.acme.test'],
  zeta: ['1.zeta.test'],
  gone: ['gone.test'],
}

/** Ids that look like other tenants, like other users, and like the borders inside of keys. */
const userIds = ['1', '11', 'ada', 'ada|tenant=acme', '1:1', 'acme', '%7C', 'zo\u00eb']

export const tenants: readonly WorldTenant[] = ids.map((id, index) => ({
  ...{ index, id, hosts: [`${id}.example.com`, ...(customHosts[id] ?? [])], suspended: id === 'gone' },
  ...{ quota: 5_000 + 7 * index, perUser: 40 + index },
}))

export const resources = ['items', 'docs'] as const
export type Resource = (typeof resources)[number]

/** Neighbours answer the opposite for users of the same id. */
export function mayUse({ tenant, userIndex }: Caller, resource: Resource): boolean {
  return (tenant.index + userIndex + resources.indexOf(resource)) % 2 === 0
}

/** Five users of each tenant, out of eight ids. */
export function createCallers(): Promise<Caller[]> {
  return Promise.all(
    tenants.flatMap((tenant) =>
      [0, 1, 2, 3, 4].map(async (n) => {
        const userIndex = (tenant.index + n) % userIds.length
        const user = userIds[userIndex] as string
        const roles = [['member'], ['member', 'admin'], []][(tenant.index + userIndex) % 3] as string[]
        return { tenant, user, userIndex, roles, token: await signFor(tenant, user, roles) }
      }),
    ),
  )
}

function signFor(tenant: WorldTenant, user: string, roles: readonly string[]): Promise<string> {
  const claims = { user_id: user, roles }
  return tenant.id === ownIdp.tenant
    ? signToken({ algorithm: 'HS256', secret: ownIdp.secret, claims: { ...claims, iss: ownIdp.issuer } })
    : signShared({ ...claims, tenant_id: tenant.id })
}

export function signShared(claims: Readonly<Record<string, unknown>>): Promise<string> {
  const all = { iss: 'aegis-gateway', roles: [], ...claims }
  return signToken({ algorithm: 'HS256', secret: testSecret, claims: all })
}

/** Signed by the own issuer of one tenant, for another one. */
export function signAsOutsider(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return signToken({ algorithm: 'HS256', secret: ownIdp.secret, claims: { iss: ownIdp.issuer, ...claims } })
}

export function createWorld(upstreamUrl: string): ConfigParts {
  const saas = createSaas(upstreamUrl)
  const routes = {
    ...saas.routes,
    tenants: tenants.map(({ id, suspended }) => {
      const status = suspended ? 'suspended' : 'active'
      return { id, hosts: customHosts[id] ?? [], plan: id === 'zeta' ? 'pro' : 'free', status }
    }),
    routes: [
      ...resources.map((id) => ({ id, paths: [`/${id}/*`], upstream: 'api', permission: { resource: id } })),
      { id: 'plain', paths: ['/plain/*'], upstream: 'api' },
      { id: 'maybe', paths: ['/maybe/*'], upstream: 'api', auth: 'optional' },
      { id: 'public', paths: ['/public/*'], upstream: 'api', auth: 'none' },
    ],
  }
  return { ...saas, routes, plugins: createChain() }
}

function createChain(): object[] {
  const issuers = [
    { issuer: 'aegis-gateway', algorithms: ['HS256'], secret: testSecret },
    {
      ...{ issuer: ownIdp.issuer, algorithms: ['HS256'], secret: ownIdp.secret },
      tenants: [ownIdp.tenant],
    },
  ]
  const origins = Object.fromEntries(tenants.map(({ id }) => [id, { origins: [`https://${id}.app`] }]))
  const numbers = (of: (tenant: WorldTenant) => number) =>
    Object.fromEntries(tenants.map((tenant) => [tenant.id, { limit: of(tenant) }]))
  const hour = { algorithm: 'sliding-window', limit: 1, windowMs: 3_600_000 }
  const limits = [
    { ...hour, name: 'quota', key: ['tenant'], tenants: numbers(({ quota }) => quota) },
    { ...hour, name: 'per-user', key: ['user'], tenants: numbers(({ perUser }) => perUser) },
  ]
  return [
    { id: 'request-id', plugin: 'request-id' },
    { id: 'cors', plugin: 'cors', config: { origins: [], tenants: origins } },
    { id: 'jwt', plugin: 'jwt', config: { issuers } },
    { id: 'tenant', plugin: 'tenant' },
    { id: 'rbac', plugin: 'rbac', config: { negativeTtlSeconds: 60, staleSeconds: 1 } },
    {
      ...{ id: 'rate-limit', plugin: 'rate-limit', config: { limits } },
      scope: { routes: [...resources, 'plain'] },
    },
    { id: 'observability', plugin: 'observability' },
  ]
}
