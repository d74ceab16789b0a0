// Two gateways, one of which is written to by many clients of its admin API and killed again and again, and what it has
// acknowledged until then.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Admin, createAdmin } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Kind, Scene } from './fault.ts'
import { createWriters, type StoredConfig, type Writers } from './writers.ts'

export interface AdminScene extends Scene {
  readonly writers: Writers
  /** SIGKILL after so many more acknowledged writes, a look at the files, and a start on the same port. */
  killAmidWrites(afterAcknowledged: number): Promise<void>
}

const tenants = ['acme', 'globex'] as const

export async function startAdminScene(counts: {
  readonly single: number
  readonly counting: number
  readonly pairs: number
}): Promise<AdminScene> {
  const upstream = await createUpstream((req, res) => res.end(`for ${req.headers['x-tenant-id']}`))
  const configs = await Promise.all([1, 2].map(() => createConfigDir(createConfig(upstream.url))))
  const launch = (index: number, port: number) =>
    startGateway({ configDir: configs[index]?.dir as string, env: { AEGIS_PORT: String(port) } })
  const gateways: TestGateway[] = [await launch(0, 0), await launch(1, 0)]
  const { port } = gateways[0] as TestGateway
  const current = { admin: createAdmin(gateways[0] as TestGateway) }
  const writers = createWriters({
    ...counts,
    admin: (...asked: Parameters<Admin>) => current.admin(...asked),
  })
  const found: string[] = []
  const readStored = async (): Promise<StoredConfig> => {
    const read = async (name: string) =>
      JSON.parse(await readFile(join(configs[0]?.dir as string, name), 'utf8'))
    return { routes: await read('routes.json'), plugins: await read('plugins.json') }
  }
  return {
    ...{ gateways, writers, failover: true, kinds: createKinds() },
    async killAmidWrites(afterAcknowledged) {
      const before = writers.acknowledged()
      writers.go()
      await waitUntil(() => writers.acknowledged() >= before + afterAcknowledged, 120_000)
      const { process } = gateways[0] as TestGateway
      const gone = once(process, 'exit')
      process.kill('SIGKILL')
      await gone
      await writers.pause()
      // A start may finish what was begun; what is there then is what counts.
      gateways[0] = await launch(0, port)
      current.admin = createAdmin(gateways[0])
      const stored = await readStored()
      found.push(...writers.compare(stored))
      const served = (await current.admin('GET', '/admin/config')).body
      if (JSON.stringify(served.routes) !== JSON.stringify(stored.routes))
        found.push('another config is served')
    },
    async recovered() {
      const edit = await current.admin('PATCH', '/admin/tenants/globex', { body: { plan: 'free' } })
      if (edit.status !== 200) return false
      return (await Promise.all(gateways.map((one) => ask(one.port, '/api/again')))).every(
        ({ status }) => status === 200,
      )
    },
    problems: async () => [...new Set([...found, ...writers.problems()])],
    async stop() {
      await writers.pause()
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([upstream.close(), ...configs.map((one) => one.remove())])
    },
  }
}

function createConfig(url: string) {
  return {
    gateway: { log: { file: null, access: 'off' } },
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: tenants.map((id) => ({ id, metadata: { count: 0 } })),
      plans: { free: {} },
      upstreams: { api: { targets: [{ url }], retry: { attempts: 0 } } },
      routes: [{ id: 'api', paths: ['/api/*'], upstream: 'api', auth: 'none' }],
    },
    plugins: [
      { id: 'cors', plugin: 'cors', config: { maxAgeSeconds: 0 } },
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  }
}

/** A killed gateway takes what it was answering with it. */
function createKinds(): Kind[] {
  return tenants.map((tenant) => ({
    name: `a request of ${tenant}`,
    make: (n) => ({ path: `/api/${n}`, host: `${tenant}.example.com` }),
    judge({ status, text }) {
      if (status === 200) return text === `for ${tenant}` ? 'ok' : 'wrong'
      return status >= 500 ? 'lost' : 'wrong'
    },
    judgeFailure: ({ code }, { phase }) =>
      phase !== 'mended' && (code === 'ECONNRESET' || code === 'EPIPE') ? 'ok' : 'lost',
  }))
}
