// A gateway in front of several servers, for tests about who is asked, how often, and when nobody is.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseMetrics } from './exposition.ts'
import { createConfigDir, startGateway, type TestGateway } from './gateway.ts'
import { createUpstream, type TestUpstream } from './upstream.ts'

/** One that asks too much, and nine others. */
export const tenants = ['noisy', ...Array.from({ length: 9 }, (_, index) => `quiet-${index}`)]

export interface Served {
  readonly gateway: TestGateway
  metric(name: string): Promise<number>
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => void

/** Routes named after upstreams, each to the upstream of its name; one server for each handler. */
export async function serve(
  t: { after(callback: () => Promise<unknown>): void },
  options: {
    upstreams: (urls: string[]) => object
    routes?: object[]
    handlers: Handler[]
    workers?: number
  },
): Promise<Served & { readonly servers: TestUpstream[] }> {
  const servers = await Promise.all(options.handlers.map((handler) => createUpstream(handler)))
  const upstreams = options.upstreams(servers.map(({ url }) => url))
  const routes = Object.keys(upstreams).map((name) => {
    return { id: name, paths: [`/${name}/*`], upstream: name, auth: 'none' }
  })
  const config = await createConfigDir({
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: tenants.map((id) => ({ id })),
      upstreams,
      routes: [...routes, ...(options.routes ?? [])],
    },
    plugins: [
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  })
  const workers = String(options.workers ?? 1)
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: workers } })
  t.after(async () => {
    await gateway.stop()
    await Promise.all([...servers.map((server) => server.close()), config.remove()])
  })
  return {
    ...{ gateway, servers },
    metric: async (name) =>
      parseMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text()).get(name) ?? 0,
  }
}
