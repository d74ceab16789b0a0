// A gateway whose clients leave: an upstream that keeps every request it gets, and plugins that take their time.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createAdmin, workersOf } from '../support/admin.ts'
import { parseMetrics } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { jwtEntry } from '../support/saas.ts'

export const transports = ['http1', 'undici'] as const
export type Transport = (typeof transports)[number]

export interface AbortsScene {
  readonly gateway: TestGateway
  /** Open connections on which the upstream got a request for this path, which it does not answer. */
  held(path: string): Socket[]
  /** Requests that the upstream ever got for it. */
  seen(path: string): number
  metric(name: string): Promise<number>
  /** Requests, connections, places, sockets and timers of the worker, as they are now. */
  load(): Promise<Record<string, number>>
  close(): Promise<void>
}

/** Sees all of a body before it goes up. */
const reader = `
export default {
  name: 'reader',
  schema: { type: 'object', properties: {}, additionalProperties: false },
  onFailure: 'deny',
  body: { inspectUpTo: 1000000 },
  create: () => ({ onRequestBody() {} }),
}
`
/** The second request of a lane waits for nearly a minute. */
const shaper = { name: 'shaper', key: ['header:x-lane'], algorithm: 'leaky-bucket', shape: true, burst: 2 }

export async function createAbortsScene(): Promise<AbortsScene> {
  const held = new Map<Socket, string>()
  const seen: string[] = []
  const upstream = createServer((socket) => {
    socket.on('close', () => held.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const path = /^[A-Z]+ (\S+) HTTP\/1\.1\r\n/.exec(chunk.toString('latin1'))?.[1]
      if (path === undefined) return
      seen.push(path)
      if (path.endsWith('/quick')) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      held.set(socket, path)
      if (path.endsWith('/stream'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n')
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const config = await createConfigDir(toConfig(url))
  await writeFile(join(config.dir, 'reader.ts'), reader)
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const admin = createAdmin(gateway)
  const readMetrics = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    // There is but one worker.
    return parseMetrics(text.replaceAll(/\{worker="0"\}|worker="0",/g, ''))
  }
  return {
    gateway,
    held: (path) => [...held].flatMap(([socket, at]) => (at === path ? [socket] : [])),
    seen: (path) => seen.filter((one) => one === path).length,
    metric: async (name) => (await readMetrics()).get(name) ?? 0,
    async load() {
      const metrics = await readMetrics()
      const [worker] = await workersOf(admin)
      const load: Record<string, number> = { timers: worker?.handles.timer ?? -1 }
      for (const [name, value] of metrics) {
        if (/^aegis_(?:connections|worker_in_flight_requests|upstream_requests)\b/.test(name))
          load[name] = value
      }
      return load
    },
    async close() {
      await gateway.stop()
      for (const socket of held.keys()) socket.destroy()
      upstream.close()
      await config.remove()
    },
  }
}

function toConfig(url: string) {
  const targets = [{ url }]
  const upstreams = Object.fromEntries(
    transports.flatMap((transport) => [
      [transport, { targets, transport }],
      [`narrow-${transport}`, { targets, transport, breaker: { maxConnections: 1 } }],
    ]),
  )
  const routes = transports.flatMap((upstream) => [
    { id: upstream, paths: [`/${upstream}/*`], upstream, auth: 'none' },
    {
      id: `narrow-${upstream}`,
      paths: [`/narrow-${upstream}/*`],
      upstream: `narrow-${upstream}`,
      auth: 'none',
    },
    { id: `asked-${upstream}`, paths: [`/asked-${upstream}/*`], upstream, permission: { resource: 'x' } },
    { id: `shaped-${upstream}`, paths: [`/shaped-${upstream}/*`], upstream, auth: 'none' },
    { id: `read-${upstream}`, paths: [`/read-${upstream}/*`], upstream, auth: 'none' },
  ])
  const ids = (prefix: string) => transports.map((transport) => `${prefix}-${transport}`)
  return {
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [{ id: 'acme' }],
      upstreams,
      routes,
    },
    plugins: [
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      {
        ...{ id: 'rbac', plugin: 'rbac', scope: { routes: ids('asked') } },
        config: { subrequest: { timeoutMs: 500 } },
      },
      {
        ...{ id: 'shaper', plugin: 'rate-limit', scope: { routes: ids('shaped') } },
        config: { limits: [{ ...shaper, limit: 1, windowMs: 55_000 }] },
      },
      { id: 'reader', plugin: './reader.ts', scope: { routes: ids('read') } },
      { id: 'observability', plugin: 'observability' },
    ],
  }
}

/** Until the worker holds no more than before. */
export function settled(scene: AbortsScene, before: Record<string, number>): Promise<unknown> {
  return waitUntil(async () => {
    const now = await scene.load()
    return Object.entries(now).every(([name, value]) => value <= (before[name] ?? 0))
  }, 20_000)
}
