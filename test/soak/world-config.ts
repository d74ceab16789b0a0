// The config of the soak: every part of the product that holds something for longer than a request.
import type { ConfigParts } from '../support/gateway.ts'
import { jwtEntry } from '../support/saas.ts'

/** Nothing here depends on how fast the machine is: the soak looks for what grows. */
const patientMs = 30_000
const timeouts = { connectMs: patientMs, headersMs: patientMs, bodyIdleMs: patientMs }

export const baseDomain = 'example.com'
export const lastingTenants: readonly string[] = Array.from({ length: 12 }, (_, n) => `tenant-${n}`)

export interface Addresses {
  readonly steady: readonly string[]
  /** The first one of them comes and goes. */
  readonly flaky: readonly string[]
  readonly consul: string
}

export function createWorldConfig({ steady, flaky, consul }: Addresses): ConfigParts {
  const certificates = [{ hosts: [`*.${baseDomain}`], certFile: 'tls/a.crt', keyFile: 'tls/a.key' }]
  const targets = (urls: readonly string[]) => urls.map((url) => ({ url }))
  return {
    gateway: {
      listeners: [
        { name: 'public', host: '127.0.0.1', port: 0 },
        { name: 'tls', host: '127.0.0.1', port: 0, tls: { certificates } },
      ],
      consul: { url: consul },
      limits: { eventLoopLagMs: 0, workerBlockedMs: 2 * patientMs },
      // Small, so that it is rotated many times.
      log: { access: 'off', file: 'logs/aegis.log', rotateBytes: 4_000_000, rotateKeep: 2 },
    },
    routes: {
      tenancy: { baseDomains: [baseDomain] },
      tenants: lastingTenants.map((id) => ({ id, plan: 'free' })),
      plans: { free: {}, pro: {} },
      upstreams: {
        api: {
          targets: targets(steady),
          balancer: 'least-request',
          health: { active: { path: '/health', intervalMs: 1_000, timeoutMs: patientMs } },
          timeouts,
        },
        flaky: {
          targets: targets(flaky),
          health: { passive: { failures: 3, ejectMs: 500 } },
          retry: { attempts: 2, on: ['connect-failure', 'reset-before-response', '502', '503'] },
          timeouts,
        },
        shared: { consul: { service: 'api', tag: 'v1' }, timeouts },
        own: { consul: { service: 'api-service-{tenant}' }, timeouts },
      },
      routes,
    },
    plugins: createChain(),
  }
}

const open = (id: string, upstream = 'api') => ({ id, paths: [`/${id}/*`], upstream, auth: 'none' })

const routes = [
  { id: 'api', paths: ['/api/*'], upstream: 'api' },
  { id: 'items', paths: ['/items/*'], upstream: 'api', permission: { resource: 'items' } },
  { id: 'limited', paths: ['/limited/*'], upstream: 'api' },
  { id: 'synced', paths: ['/synced/*'], upstream: 'api' },
  open('open'),
  open('inspected'),
  open('flaky', 'flaky'),
  open('shared', 'shared'),
  open('own', 'own'),
]

function createChain(): object[] {
  const limited = (id: string, config: object) => ({
    ...{ id, plugin: 'rate-limit', scope: { routes: [id] } },
    config: { store: 'redis', ...config },
  })
  const wide = { name: 'wide', key: ['user'], algorithm: 'token-bucket', limit: 100_000 }
  return [
    { id: 'request-id', plugin: 'request-id' },
    { id: 'cors', plugin: 'cors' },
    jwtEntry,
    { id: 'tenant', plugin: 'tenant' },
    {
      ...{ id: 'rbac', plugin: 'rbac' },
      config: { ttlSeconds: 5, negativeTtlSeconds: 5, subrequest: { timeoutMs: 9_000 } },
    },
    { id: 'wide', plugin: 'rate-limit', config: { store: 'redis', limits: [wide] } },
    limited('limited', {
      limits: [{ name: 'few', key: ['tenant'], algorithm: 'sliding-window', limit: 20, windowMs: 2_000 }],
    }),
    limited('synced', {
      syncMs: 200,
      limits: [{ name: 'told', key: ['user'], algorithm: 'leaky-bucket', limit: 1_000 }],
    }),
    { id: 'waf', plugin: 'waf', scope: { routes: ['inspected'] }, config: { rules: ['@baseline'] } },
    { id: 'odd', plugin: './odd.ts' },
    // Fewer than there are tenants in a soak, so that the cap is met before anything is judged.
    {
      id: 'observability',
      plugin: 'observability',
      config: { tenantSeries: lastingTenants.length + 2 },
    },
  ]
}

/** The code of an operator's plugin; `edition` makes it new code. A request may ask it to take a worker down. */
export function toOddPlugin(edition: number): string {
  return `// Edition ${edition}.
import { workerData } from 'node:worker_threads'
import { Type } from '${import.meta.resolve('typebox')}'
export default {
  name: 'odd',
  schema: Type.Object({}, { additionalProperties: false }),
  onFailure: 'deny',
  create: () => ({
    onRequest(ex) {
      const wanted = ex.header('x-kill-worker')
      if (wanted !== undefined && wanted === String(workerData.index))
        setTimeout(() => { throw new Error('killed by the soak') })
      return undefined
    },
  }),
}
`
}
