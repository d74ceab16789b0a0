// A small SaaS behind the gateway: two tenants, one upstream, the whole chain. Tests change what they are about.
import { signToken } from '../../plugins/jwt/sign.ts'
import type { ConfigParts } from './gateway.ts'

export const testSecret = 'a-secret-of-the-tests-that-is-long-enough'

export function createTestToken(claims: Record<string, unknown> = {}): Promise<string> {
  return signToken({
    algorithm: 'HS256',
    secret: testSecret,
    claims: { iss: 'aegis-gateway', user_id: 'ada', tenant_id: 'acme', roles: ['member'], ...claims },
  })
}

export const jwtEntry = {
  id: 'jwt',
  plugin: 'jwt',
  config: { issuers: [{ issuer: 'aegis-gateway', algorithms: ['HS256'], secret: testSecret }] },
}

export function createSaas(
  upstreamUrl: string,
  over: Partial<ConfigParts> & { routes?: object } = {},
): ConfigParts {
  return {
    gateway: over.gateway ?? {},
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [
        { id: 'acme', plan: 'pro' },
        { id: 'globex', plan: 'free', hosts: ['api.globex.test'] },
        { id: 'gone', status: 'suspended' },
      ],
      plans: { free: {}, pro: {} },
      upstreams: { api: { targets: [{ url: upstreamUrl }] } },
      routes: [
        { id: 'api', paths: ['/api/*'], upstream: 'api' },
        { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
      ],
      ...over.routes,
    },
    plugins: over.plugins ?? [
      { id: 'request-id', plugin: 'request-id' },
      { id: 'cors', plugin: 'cors' },
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  }
}
