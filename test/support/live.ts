// A running SaaS whose config is changed by its admin API, and what clients see of it in every worker.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Admin, createAdmin, workersOf } from './admin.ts'
import { type Answer, type AskOptions, ask } from './ask.ts'
import { createConfigDir, startGateway, type TestGateway } from './gateway.ts'
import { createSaas, createTestToken, testSecret } from './saas.ts'
import { createUpstream, type TestUpstream } from './upstream.ts'

export type FileName = 'gateway.json' | 'routes.json' | 'plugins.json'

export interface LiveSaas {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
  readonly admin: Admin
  readonly dir: string
  readonly tokens: Readonly<Record<'viewer' | 'operator', string>>
  /** One request on each of twenty fresh connections, so that every worker is asked. */
  everywhere(path: string, options?: AskOptions): Promise<Answer[]>
  /** Fails unless every worker gives the same status, which is returned. */
  statusEverywhere(path: string, options?: AskOptions): Promise<number>
  /** Fails unless the status page and all workers name one version, which is returned. */
  version(): Promise<number>
  readText(name: FileName): Promise<string>
  // biome-ignore lint/suspicious/noExplicitAny: tests say by their assertions what they expect in it.
  readJson(name: FileName): Promise<any>
  close(): Promise<void>
}

const tokens = { viewer: 'viewer-token-of-the-tests', operator: 'operator-token-of-the-tests' }

/** The chain of the product; the secret is a placeholder, filled in from the environment. */
function createChain(): object[] {
  const issuer = { issuer: 'aegis-gateway', algorithms: ['HS256'], secret: '${JWT_SECRET}' }
  const limit = { name: 'quota', algorithm: 'fixed-window', key: ['tenant'], limit: 100_000 }
  return [
    { id: 'request-id', plugin: 'request-id' },
    { id: 'ip-restriction', plugin: 'ip-restriction', config: { deny: [] } },
    { id: 'cors', plugin: 'cors' },
    { id: 'jwt', plugin: 'jwt', config: { issuers: [issuer] } },
    { id: 'tenant', plugin: 'tenant' },
    { id: 'rbac', plugin: 'rbac' },
    { id: 'rate-limit', plugin: 'rate-limit', config: { limits: [limit] } },
    { id: 'observability', plugin: 'observability' },
  ]
}

export async function startLiveSaas(upstream?: TestUpstream): Promise<LiveSaas> {
  const served = upstream ?? (await createUpstream())
  const sha256 = (token: string) => createHash('sha256').update(token).digest('hex')
  const roles = Object.entries(tokens).map(([name, token]) => ({ name, role: name, sha256: sha256(token) }))
  const saas = createSaas(served.url, {
    gateway: { admin: { host: '127.0.0.1', port: 0, tokens: roles } },
    plugins: createChain(),
  })
  const routes = {
    ...saas.routes,
    routes: [
      { id: 'api', paths: ['/api/*'], upstream: 'api' },
      { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
      { id: 'items', paths: ['/items/*'], upstream: 'api', permission: { resource: 'items' } },
    ],
  }
  const config = await createConfigDir({ ...saas, routes })
  const gateway = await startGateway({ configDir: config.dir, env: { JWT_SECRET: testSecret } })
  const admin = createAdmin(gateway)
  const everywhere = (path: string, options: AskOptions = {}) =>
    Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, path, options)))
  const readText = (name: FileName) => readFile(join(config.dir, name), 'utf8')
  return {
    ...{ gateway, upstream: served, admin, dir: config.dir, tokens, everywhere, readText },
    async statusEverywhere(path, options) {
      const statuses = new Set((await everywhere(path, options)).map(({ status }) => status))
      assert.equal(statuses.size, 1, `${path}: ${[...statuses].join(', ')}`)
      return [...statuses][0] as number
    },
    async version() {
      const { version } = (await admin('GET', '/admin/status')).body
      const workers = await workersOf(admin)
      assert.deepEqual(
        workers.map((worker) => worker.version),
        [version, version],
      )
      return version
    },
    readJson: async (name) => JSON.parse(await readText(name)),
    async close() {
      await gateway.stop()
      await Promise.all([served.close(), config.remove()])
    },
  }
}

export async function bearer(claims: Record<string, unknown> = {}): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await createTestToken(claims)}` }
}
